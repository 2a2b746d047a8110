// Faults of our own processes: killed in a burst, paused while they lead, restarted one after the other.
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import type { Web } from '../support/processes.js';
import type { RestClient } from '../support/rest.js';
import { sleep, waitFor } from '../support/waiting.js';
import { hold } from './crash-points.js';
import { judge } from './judge.js';
import { type Ended, lasting, Site } from './site.js';

const MANY = ['--tasks', 'simulate', '--agents', '10', '--cpus', '200', '--mem', '200000'];

/** Submits with a key of its own until somebody answers 200; whoever that is. */
async function submitSurely(client: () => RestClient, document: unknown): Promise<number> {
  const headers = { 'idempotency-key': randomUUID() };
  return waitFor('a submission is answered', 60_000, async () => {
    try {
      const answer = await client().call('POST', '/api/1.0/task', document, headers);
      if (answer.status === 200) return (JSON.parse(answer.text) as { readonly id: number }).id;
      if (answer.status < 500) throw new Error(`refused: ${answer.status} ${answer.text}`);
      return undefined;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('refused')) throw error;
      return undefined;
    }
  });
}

/** Each connection's: so many jobs that kills meet them everywhere, so few that they can be looked at one by one. */
const PAUSE_BETWEEN_MS = 50;

/** F3: web server and scheduler die at any moment while jobs are submitted, launched and ended. */
export async function burst(t: Test): Promise<void> {
  const site = await Site.start(t, 'f3', { node: MANY });
  const document = await site.client.document('#!/bin/sh\ntrue\n', { cpu: 1, ram: 0.05 });
  const webs: Web[] = [site.web];
  const client = (): RestClient => (webs.at(-1) as Web).client;
  const rounds = 8;
  const connections = 4;
  const ids: number[] = [];
  let isEnded = false;
  const submitting = Array.from({ length: connections }, async () => {
    while (!isEnded) {
      ids.push(await submitSurely(client, document));
      await sleep(PAUSE_BETWEEN_MS);
    }
  });
  for (let n = 0; n < rounds; n++) {
    await sleep(200 + 137 * n);
    if (n % 2 === 0) {
      const next = site.installation.web();
      await webs.at(-1)?.process.kill9();
      webs.push(await next);
    } else await site.crashScheduler();
  }
  isEnded = true;
  await Promise.all(submitting);
  t.equal(new Set(ids).size, ids.length, 'each key made a job of its own');
  const jobs = await client().allOver(
    [...ids].sort((a, b) => b - a),
    90_000,
  );
  const all = await countAll(client());
  t.equal(all, ids.length, `a key made one job, however often it came: ${all} in the record`);
  const ended = jobs.map((job) => ({ job, exitCode: 0 }));
  judge(t, { fault: 'F3 kill -9 in a burst', tried: rounds, file: site.launchLog, jobs: ended });
}

/** Every job of the record: all are over. */
async function countAll(client: RestClient): Promise<number> {
  return ((await client.post('/api/1.0/task/over/all/0/0', {})) as readonly unknown[]).length;
}

const PAUSE_MS = Number(process.env.FAULT_PAUSE_S ?? 20) * 1_000;

/** F4: the leader is stopped while it launches, for much longer than its lease, and wakes up beside another. */
export async function pausedLeader(t: Test): Promise<void> {
  const site = await Site.start(t, 'f4', { schedulers: 2 });
  const ended: Ended[number][] = [];
  const rounds = 3;
  for (let n = 0; n < rounds; n++) {
    const leader = await site.leader();
    const other = site.schedulers.find((one) => one !== leader);
    if (other === undefined) throw new Error('there are two');
    const before = await site.submit(3, lasting(0.5, n));
    const held = hold(site, 'ACCEPT');
    const within = await site.submit(2, lasting(0.2, n));
    await held.held();
    process.kill(leader.process.pid, 'SIGSTOP');
    const meanwhile = await site.submit(3, lasting(0.2, n));
    await sleep(PAUSE_MS);
    t.ok((await other.status()).isLeading, 'the other leads');
    // What the first one sent before it was stopped arrives now, on a stream that is over.
    held.release('forward');
    if (leader.process.isRunning()) process.kill(leader.process.pid, 'SIGCONT');
    await sleep(1_000);
    if (leader.process.isRunning())
      t.notOk((await leader.status()).isLeading, 'it wakes up and follows');
    else {
      // It held the write lock of the store, so whoever had to write ended it.
      site.schedulers.splice(site.schedulers.indexOf(leader), 1);
      await site.addScheduler();
    }
    t.ok((await other.status()).isLeading, 'who led meanwhile goes on leading');
    const after = await site.submit(2, lasting(0.2, n));
    ended.push(...(await site.over([...before, ...within, ...meanwhile, ...after], n)));
  }
  judge(t, {
    ...{ fault: 'F4 paused leader wakes up', tried: rounds, file: site.launchLog, jobs: ended },
    note: `SIGSTOP for ${PAUSE_MS / 1_000} s`,
  });
}

const RUNNING = 1_000;
/** Far longer than the restarts take on any machine: they end when they are told. */
const RUN_MS = 3_600_000;

/** F20: every process is restarted, one after the other, while a thousand tasks run. */
export async function rollingRestart(t: Test): Promise<void> {
  const node = [...MANY, '--simulate-ms', String(RUN_MS)];
  const site = await Site.start(t, 'f20', { node, schedulers: 2 });
  const document = await site.client.document('#!/bin/sh\ntrue\n', { cpu: 1, ram: 0.05 });
  const ids: number[] = [];
  let asked = 0;
  const connection = async () => {
    while (asked < RUNNING) {
      asked += 1;
      ids.push(await submitSurely(() => site.client, document));
    }
  };
  await Promise.all(Array.from({ length: 8 }, connection));
  await waitFor('all of them run', 60_000, async () => {
    const { live } = await (await site.leader()).status();
    return live === RUNNING;
  });
  for (const { process } of [...site.schedulers]) {
    await process.stop();
    site.schedulers.shift();
    await site.addScheduler();
    await site.leader();
  }
  const { client } = await site.installation.web();
  await site.web.process.stop();
  await site.fault('tasks-end');
  const jobs = await client.allOver(
    [...ids].sort((a, b) => b - a),
    120_000,
  );
  const ended = jobs.map((job) => ({ job, exitCode: 0 }));
  judge(t, { fault: 'F20 rolling restart', tried: 3, file: site.launchLog, jobs: ended });
}
