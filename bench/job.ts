// What benchmarks of the scheduler submit: small jobs of one shape, of fifty users.
import type { NewJob, Store } from '../src/contracts/store.js';
import { instant, type JobId, projectId, userId } from '../src/core/units.js';

/** Jobs of one call to the store. */
const BULK = 1_000;
const USERS = 50;

export const aJob = (n: number, { gpus } = { gpus: 0 }): NewJob => ({
  owner: userId(`user${n % USERS}`),
  project: projectId('default'),
  identity: { uid: 65_534, gid: 65_534, sgids: [], home: '', email: null },
  spec: {
    name: `bench-${n}`,
    description: '',
    tags: [],
    image: 'simulated',
    volumes: [],
    hasNetwork: false,
    network: null,
    isRoot: false,
    needs: { cpuMilli: 1_000, memMb: 50, gpus, ports: 0, custom: {} },
    constraints: [],
    ports: [],
    executor: null,
    systemRetriesMax: 2,
    retries: [],
    lifespanMs: null,
    asked: {},
  },
  script: '#!/bin/sh\ntrue\n',
  submittedAt: instant(Date.now()),
  idempotencyKey: null,
  digest: 'a'.repeat(64),
});

/** Straight into the store: how fast submissions are is measured elsewhere. */
export async function submitMany(
  store: Store,
  count: number,
  options = { gpus: 0 },
): Promise<JobId[]> {
  const ids: JobId[] = [];
  while (ids.length < count) {
    const many = Math.min(BULK, count - ids.length);
    const jobs = Array.from({ length: many }, (_, n) => aJob(ids.length + n, options));
    for (const { id } of await store.submit(jobs)) ids.push(id);
  }
  return ids;
}
