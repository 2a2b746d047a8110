// Faults between scheduler and master: the master changes, falls silent, repeats itself, loses what it was told.
import type { Test } from 'tap';
import type { JobDocument } from '../support/rest.js';
import { sleep, waitFor } from '../support/waiting.js';
import { hold } from './crash-points.js';
import { judge } from './judge.js';
import type { SeenEvent } from './proxy.js';
import { type Ended, lasting, Site } from './site.js';

const RESUBSCRIBED_MS_MAX = 15_000;
/** Five heartbeats of a second. */
const SILENCE_NOTICED_MS_MAX = 15_000;

interface FrameworkView {
  readonly id: string;
  readonly connected: boolean;
}

const frameworks = async (site: Site): Promise<readonly FrameworkView[]> => {
  const answer = await site.installation.askNode('/frameworks');
  return ((await answer.json()) as { readonly frameworks: readonly FrameworkView[] }).frameworks;
};

const whenConnected = (site: Site): Promise<readonly FrameworkView[]> =>
  waitFor(
    'the framework is subscribed again',
    60_000,
    async () => {
      const all = await frameworks(site);
      return all.some(({ connected }) => connected) ? all : undefined;
    },
    20,
  );

/** F5: the master dies and another life of it comes up; the second half is found by a redirect. */
export async function masterFailover(t: Test): Promise<void> {
  const site = await Site.start(t, 'f5');
  const before = await whenConnected(site);
  const ended: Ended[number][] = [];
  const tookMs: number[] = [];
  const rounds = 4;
  for (let n = 0; n < rounds; n++) {
    const ids = [
      ...(await site.submit(3, lasting(6, n))),
      ...(await site.submit(2, lasting(1, n))),
    ];
    await site.all(ids, ['running', 'over']);
    if (n >= rounds / 2) site.proxy.redirect = site.nodeUrl;
    const known = site.proxy.calls.length;
    await site.node.kill9();
    await sleep(1_000 + 500 * n);
    await site.startNode();
    const upAt = performance.now();
    const after = await whenConnected(site);
    tookMs.push(performance.now() - upAt);
    t.comment(`round ${n}: ${Math.round(tookMs.at(-1) ?? 0)} ms`);
    t.same(
      after.map(({ id }) => id),
      before.map(({ id }) => id),
      'the same framework',
    );
    const waiting = await site.submit(2, lasting(0.1, n));
    ended.push(...(await site.over([...ids, ...waiting], n)));
    // Past the redirect the proxy hears no calls.
    if (site.proxy.redirect === null) {
      const asked = site.proxy.calls.slice(known).filter(({ type }) => type === 'RECONCILE');
      t.ok(
        asked.some(({ taskIds }) => taskIds.length >= 3),
        'it asks about each running task by name',
      );
    }
  }
  const worst = Math.round(Math.max(...tookMs));
  t.ok(worst <= RESUBSCRIBED_MS_MAX, `subscribed again ${worst} ms after the master is up`);
  judge(t, {
    ...{ fault: 'F5 master fails over', tried: rounds, file: site.launchLog, jobs: ended },
    note: `subscribed again within ${worst} ms`,
  });
}

/** F6: no byte passes, and no connection closes. */
export async function silentPartition(t: Test): Promise<void> {
  const site = await Site.start(t, 'f6');
  const ended: Ended[number][] = [];
  const noticedMs: number[] = [];
  const rounds = 3;
  for (let n = 0; n < rounds; n++) {
    const ids = [...(await site.submit(3, lasting(2, n)))];
    await site.all(ids.slice(0, 1), ['running']);
    site.proxy.freeze();
    const frozenAt = performance.now();
    const meanwhile = await site.submit(3, lasting(0.1, n));
    await waitFor('the silence is noticed', 60_000, async () => {
      const { status } = await fetch(`${site.web.url}/readyz`);
      return status === 503;
    });
    noticedMs.push(performance.now() - frozenAt);
    // Some renewed subscriptions are sent into the silence as well, and arrive late.
    await sleep(n * 3_000);
    t.same(
      await Promise.all(meanwhile.map(async (id) => (await site.client.job(id)).status.primary)),
      meanwhile.map(() => 'pending'),
      'what was submitted meanwhile is taken, and waits',
    );
    site.proxy.thaw();
    ended.push(...(await site.over([...ids, ...meanwhile], n)));
    await site.ready();
  }
  const worst = Math.round(Math.max(...noticedMs));
  t.ok(worst <= SILENCE_NOTICED_MS_MAX, `noticed after ${worst} ms with a heartbeat each second`);
  judge(t, {
    ...{ fault: 'F6 silent partition', tried: rounds, file: site.launchLog, jobs: ended },
    note: `noticed within ${worst} ms`,
  });
}

interface UpdateEvent {
  readonly type: string;
  readonly update?: {
    readonly status: { readonly task_id: { readonly value: string }; readonly state: string };
  };
}

/** The record of a job that is over, its directory measured: the one fact that comes after an end. */
const measured = (site: Site, id: number): Promise<JobDocument> =>
  waitFor(`the directory of job ${id} is measured`, 60_000, async () => {
    const job = await site.client.job(id);
    return job.container.meta?.disk_size === undefined ? undefined : job;
  });

/** F7: every update twice, and what came before the end once more after it. */
export async function updatesAgain(t: Test): Promise<void> {
  const site = await Site.start(t, 'f7');
  const former = new Map<string, SeenEvent[]>();
  site.proxy.alter = (event) => {
    const { update } = event as unknown as UpdateEvent;
    if (update === undefined) return [event];
    const { task_id, state } = update.status;
    const earlier = former.get(task_id.value) ?? [];
    former.set(task_id.value, [...earlier, event]);
    const isEnd = state === 'TASK_FINISHED' || state === 'TASK_FAILED';
    return isEnd ? [...earlier, event, event, ...earlier] : [event, event, ...earlier];
  };
  const ended: Ended[number][] = [];
  const rounds = 20;
  for (let n = 0; n < rounds; n++)
    ended.push(...(await site.over(await site.submit(2, lasting(0.1, n % 4)), n % 4)));
  const settled = await Promise.all(ended.map(({ job }) => measured(site, job.id)));
  for (const events of former.values()) for (const event of events) site.proxy.say(event);
  // What was said last is taken in before the next job is.
  ended.push(...(await site.over(await site.submit(1, lasting(0.1, 2)), 2)));
  t.same(
    await Promise.all(settled.map(({ id }) => site.client.job(id))),
    settled,
    'an end is final: nothing of the record changes',
  );
  judge(t, {
    fault: 'F7 updates repeated, late',
    tried: rounds,
    file: site.launchLog,
    jobs: ended,
  });
}

/** F8: calls are lost on their way, and nobody knows that: the subscription is renewed after 30 s, and the tasks asked about. */
export async function acceptLost(t: Test): Promise<void> {
  const jobs = 6;
  const node = ['--tasks', 'process', '--agents', String(jobs), '--cpus', '1', '--mem', '1000'];
  const site = await Site.start(t, 'f8', { node });
  const lost = new Set<string>();
  site.proxy.decide = ({ type, taskIds }) => {
    if (type !== 'ACCEPT' || taskIds.length === 0 || lost.size >= jobs) return 'forward';
    for (const id of taskIds) lost.add(id);
    return 'drop';
  };
  // Each takes a whole agent, so that each has an ACCEPT of its own.
  const ended = await site.over(await site.submit(jobs, lasting(0.1, 4), 1), 4, 120_000);
  t.equal(lost.size, jobs, 'each call was lost once');
  judge(t, { fault: 'F8 ACCEPT lost', tried: lost.size, file: site.launchLog, jobs: ended });
}

/** F9: the offer is void when the ACCEPT arrives; the master drops the task. */
export async function offerRescinded(t: Test): Promise<void> {
  const site = await Site.start(t, 'f9');
  const ended: Ended[number][] = [];
  const rounds = 20;
  for (let n = 0; n < rounds; n++) {
    const held = hold(site, 'ACCEPT');
    const ids = await site.submit(1, lasting(0.1, n));
    await held.held();
    await site.fault('rescind');
    held.release('forward');
    ended.push(...(await site.over(ids, n)));
  }
  judge(t, { fault: 'F9 offer rescinded', tried: rounds, file: site.launchLog, jobs: ended });
}
