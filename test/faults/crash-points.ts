// kill -9 of the scheduler at exact points of a job's way: the proxy holds the call, and the scheduler dies meanwhile.
import type { Test } from 'tap';
import { waitFor } from '../support/waiting.js';
import { judge } from './judge.js';
import type { Fate, SeenCall } from './proxy.js';
import { type Ended, lasting, Site } from './site.js';

const CRASHES = 6;
const JOBS_EACH = 3;

/** Holds the first call of that type until it is told what becomes of it. Others go their way. */
export function hold(site: Site, type: string) {
  let seen: SeenCall | undefined;
  let settle: (fate: Fate) => void = () => {};
  const fate = new Promise<Fate>((resolve) => {
    settle = resolve;
  });
  site.proxy.decide = (call) => {
    if (call.type !== type || seen !== undefined) return 'forward';
    seen = call;
    return fate;
  };
  return {
    held: () => waitFor(`${type} is held`, 30_000, () => seen, 5),
    release: (as: Fate) => {
      site.proxy.decide = () => 'forward';
      settle(as);
    },
  };
}

/** F1: the intent is stored, the ACCEPT never arrives, or so late that its stream is over. */
export async function beforeAccept(t: Test): Promise<void> {
  const site = await Site.start(t, 'f1');
  const ended: Ended[number][] = [];
  for (let n = 0; n < CRASHES; n++) {
    const held = hold(site, 'ACCEPT');
    const ids = await site.submit(JOBS_EACH, lasting(0.1, n));
    await held.held();
    await site.killScheduler();
    if (n % 2 === 0) held.release('drop');
    await site.addScheduler();
    await site.leader();
    if (n % 2 === 1) {
      // The dead process's ACCEPT reaches the master after its successor's subscription.
      await waitFor('it subscribes', 30_000, () => site.proxy.countOf('SUBSCRIBE') >= n + 2);
      held.release('forward');
    }
    ended.push(...(await site.over(ids, n)));
  }
  const { length } = ended.filter(({ job }) => job.status.primary === 'over');
  t.equal(length, CRASHES * JOBS_EACH);
  judge(t, {
    fault: 'F1 kill -9 before ACCEPT',
    tried: CRASHES,
    file: site.launchLog,
    jobs: ended,
  });
}

/** F2: the master has taken the launch, and the scheduler dies before it hears a word of it. */
export async function afterAccept(t: Test): Promise<void> {
  const site = await Site.start(t, 'f2');
  const ended: Ended[number][] = [];
  for (let n = 0; n < CRASHES; n++) {
    // Half of the tasks are over before anybody is there to hear it.
    const seconds = n % 2 === 0 ? 0.1 : 8;
    let isTaken = false;
    site.proxy.decide = (call) => {
      if (call.type !== 'ACCEPT' || call.taskIds.length === 0) return 'forward';
      isTaken = true;
      return 'unanswered';
    };
    site.proxy.alter = (event) => (event.type === 'UPDATE' ? [] : [event]);
    const ids = await site.submit(JOBS_EACH, lasting(seconds, n));
    await waitFor('the master has an ACCEPT', 30_000, () => isTaken, 5);
    await site.killScheduler();
    site.proxy.decide = () => 'forward';
    site.proxy.alter = (event) => [event];
    await site.addScheduler();
    ended.push(...(await site.over(ids, n)));
  }
  judge(t, { fault: 'F2 kill -9 after ACCEPT', tried: CRASHES, file: site.launchLog, jobs: ended });
}
