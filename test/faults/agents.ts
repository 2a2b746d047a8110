// Agents that fall silent, come back, or are given up for good; and jobs that poison the queue.
import type { Test } from 'tap';
import { sleep } from '../support/waiting.js';
import { judge, launchesIn } from './judge.js';
import { type Ended, lasting, Site } from './site.js';

const AGENTS = ['--tasks', 'process', '--agents', '5', '--cpus', '2', '--mem', '2000'];

/** Which agent a job's latest launch went to, by the launch log. */
function agentOf(site: Site, id: number): string {
  const agent = launchesIn(site.launchLog).get(id)?.at(-1)?.agentId;
  if (agent === undefined) throw new Error(`job ${id} was never launched`);
  return agent;
}

/** F10: the agent is unreachable for a while; half of its tasks end meanwhile. */
export async function agentAway(t: Test): Promise<void> {
  const site = await Site.start(t, 'f10', { node: AGENTS });
  const ended: Ended[number][] = [];
  const rounds = 5;
  for (let n = 0; n < rounds; n++) {
    const ids = [
      ...(await site.submit(1, lasting(1, n))),
      ...(await site.submit(1, lasting(5, n))),
    ];
    await site.all(ids, ['running']);
    const agents = new Set(ids.map((id) => agentOf(site, id)));
    for (const agent of agents) await site.fault('agent-away', agent);
    await sleep(2_000);
    const shown = await Promise.all(ids.map(async (id) => (await site.client.job(id)).status));
    t.match(
      shown,
      ids.map(() => ({ primary: 'running', secondary: 'unknown' })),
      'shown as unreachable',
    );
    const others = await site.submit(2, lasting(0.1, n));
    ended.push(...(await site.over(others, n)));
    for (const agent of agents) await site.fault('agent-back', agent);
    ended.push(...(await site.over(ids, n)));
  }
  judge(t, {
    fault: 'F10 agent unreachable, back',
    tried: rounds,
    file: site.launchLog,
    jobs: ended,
  });
}

/** F11: the agent will never come back; its jobs run anew elsewhere. */
export async function agentGone(t: Test): Promise<void> {
  const site = await Site.start(t, 'f11', { node: AGENTS });
  const ended: Ended[number][] = [];
  const rounds = 4;
  for (let n = 0; n < rounds; n++) {
    const [id = 0] = await site.submit(1, lasting(3, n));
    await site.client.until(id, ['running']);
    const agent = agentOf(site, id);
    await site.fault(n % 2 === 0 ? 'agent-gone' : 'agent-away', agent);
    if (n % 2 === 1) {
      await sleep(500);
      await site.fault('agent-gone', agent);
    }
    ended.push(...(await site.over([id], n)));
    t.not(agentOf(site, id), agent, 'it ran elsewhere');
  }
  judge(t, {
    ...{ fault: 'F11 agent gone', tried: rounds, file: site.launchLog, jobs: ended },
    ...{ launchesMin: 2, launchesMax: 2, note: 'each launched once more, after its end' },
  });
}

/** F11: the machine restarts: as the same agent that has forgotten its tasks, or as a new one. */
export async function agentReboots(t: Test): Promise<void> {
  const site = await Site.start(t, 'f11-reboot', { node: AGENTS });
  const ended: Ended[number][] = [];
  const rounds = 4;
  for (let n = 0; n < rounds; n++) {
    const ids = await site.submit(2, lasting(3, n));
    await site.all(ids, ['running']);
    const agents = new Set(ids.map((id) => agentOf(site, id)));
    for (const agent of agents)
      await site.fault(n % 2 === 0 ? 'agent-reboot' : 'agent-replaced', agent);
    const others = await site.submit(1, lasting(0.1, n));
    const jobs = await site.over([...ids, ...others], n);
    ended.push(...jobs.slice(0, ids.length));
    t.equal((await site.agents()).length, 5, 'all machines are back');
  }
  judge(t, {
    ...{ fault: 'F11 agent reboots', tried: rounds, file: site.launchLog, jobs: ended },
    ...{ launchesMin: 2, launchesMax: 2, note: 'each launched once more, after its end' },
  });
}

/** F17: jobs that crash at once, cannot be launched, or fit nowhere, beside honest ones. */
export async function poison(t: Test): Promise<void> {
  const site = await Site.start(t, 'f17', { environment: { GODOCKER_REFUSE_IMPOSSIBLE: 'false' } });
  const crashing = await site.submit(30, '#!/bin/sh\nkill -SEGV $$\n');
  const broken = await site.submit(5, '#!/nowhere/to/be/found\n');
  const impossible = await site.submit(2, lasting(1), 4_000);
  const honest = await site.submit(30, lasting(0.1, 3));
  const ended = [...(await site.over(honest, 3)), ...(await site.over(crashing, 139))];
  const notFound = await site.client.allOver(broken);
  ended.push(...notFound.map((job) => ({ job, exitCode: job.status.exitcode ?? 0 })));
  t.notOk(
    notFound.some(({ status }) => status.exitcode === 0),
    'what cannot be run does not pass for done',
  );
  const waiting = await Promise.all(impossible.map((id) => site.client.job(id)));
  t.same(
    waiting.map(({ status }) => status.primary),
    ['pending', 'pending'],
  );
  t.match(
    waiting.map(({ status }) => status.reason),
    [/cpus/, /cpus/],
    'and they say why they wait',
  );
  for (const id of impossible) await site.client.kill(id);
  ended.push(...(await site.over(impossible, 137)));
  judge(t, {
    ...{ fault: 'F17 poison jobs', tried: 37, file: site.launchLog, jobs: ended },
    ...{ launchesMin: 0, launchesMax: 1, note: '30 honest jobs beside them' },
  });
}
