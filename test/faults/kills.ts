// F12: a user kills a job at each point of its way. It ends killed, once; and one that never ran never does.
import type { Test } from 'tap';
import { sleep, waitFor } from '../support/waiting.js';
import { hold } from './crash-points.js';
import { judge, launchesIn } from './judge.js';
import { type Ended, Site } from './site.js';

const ROUNDS = 4;
const KILLED = 137;
const LONG = '#!/bin/sh\nexec sleep 60\n';

/** They wait for timers and leases. */
const SLOW: ReadonlySet<string> = new Set(['kill lost', 'scheduler away']);
const ROUNDS_OF_SLOW = 2;

type Moment = (site: Site) => Promise<Ended>;

async function killed(site: Site, ids: readonly number[]): Promise<Ended> {
  return site.over(ids, KILLED);
}

const MOMENTS: Readonly<Record<string, Moment>> = {
  pending: async (site) => {
    const whole = await site.submit(1, LONG, 16);
    await site.all(whole, ['running']);
    const waiting = await site.submit(2, LONG, 1);
    for (const id of [...waiting, ...whole]) await site.client.kill(id);
    const ended = await killed(site, waiting);
    for (const id of waiting)
      if (launchesIn(site.launchLog).has(id)) throw new Error(`job ${id} ran`);
    return [...ended, ...(await killed(site, whole))];
  },
  'intent written': async (site) => {
    const held = hold(site, 'ACCEPT');
    const ids = await site.submit(1, LONG);
    await held.held();
    for (const id of ids) await site.client.kill(id);
    await sleep(200);
    held.release('forward');
    return killed(site, ids);
  },
  staging: async (site) => {
    // The master has launched, and what it tells of that is on its way.
    site.proxy.alter = (event) => (event.type === 'UPDATE' ? [] : [event]);
    const ids = await site.submit(1, LONG);
    await waitFor('it is launched', 30_000, () =>
      ids.every((id) => launchesIn(site.launchLog).has(id)),
    );
    for (const id of ids) await site.client.kill(id);
    await sleep(200);
    site.proxy.alter = (event) => [event];
    return killed(site, ids);
  },
  running: async (site) => {
    const ids = await site.submit(2, LONG);
    await site.all(ids, ['running']);
    for (const id of ids) await site.client.kill(id);
    return killed(site, ids);
  },
  'kill lost': async (site) => {
    const ids = await site.submit(1, LONG);
    await site.all(ids, ['running']);
    let lost = 0;
    site.proxy.decide = ({ type }) => {
      if (type !== 'KILL' || lost > 0) return 'forward';
      lost += 1;
      return 'drop';
    };
    for (const id of ids) await site.client.kill(id);
    return killed(site, ids);
  },
  'master away': async (site) => {
    const ids = await site.submit(2, LONG);
    await site.all(ids, ['running']);
    site.proxy.decide = () => 'drop';
    site.proxy.cut();
    for (const id of ids) await site.client.kill(id);
    await sleep(1_000);
    site.proxy.decide = () => 'forward';
    return killed(site, ids);
  },
  'scheduler away': async (site) => {
    const ids = await site.submit(2, LONG);
    await site.all(ids, ['running']);
    await site.killScheduler();
    for (const id of ids) await site.client.kill(id);
    await site.addScheduler();
    return killed(site, ids);
  },
};

export async function killsAtEachState(t: Test): Promise<void> {
  const site = await Site.start(t, 'f12');
  const ended: Ended[number][] = [];
  let tried = 0;
  for (let n = 0; n < ROUNDS; n++) {
    for (const [name, moment] of Object.entries(MOMENTS)) {
      if (n >= ROUNDS_OF_SLOW && SLOW.has(name)) continue;
      tried += 1;
      const jobs = await moment(site);
      const wrong = jobs.filter(({ job }) => job.status.secondary !== 'killed');
      t.same(wrong, [], `killed while ${name}`);
      ended.push(...jobs);
    }
  }
  const alive = [...launchesIn(site.launchLog).values()]
    .flat()
    .filter((one) => one.endedAt === null);
  t.same(alive, [], 'no task lives on');
  judge(t, {
    ...{ fault: 'F12 kill at each state', tried },
    ...{ file: site.launchLog, jobs: ended, launchesMin: 0, launchesMax: 1 },
    note: Object.keys(MOMENTS).join(', '),
  });
}
