// The world in which the examples of routes are played; what route.ts says of it must stay true.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Response } from 'light-my-request';
import type { Test } from 'tap';
import { makeUser } from '../../src/api/accounts.js';
import type { Example, Method, Route } from '../../src/api/route.js';
import { AGENTS_SETTING } from '../../src/contracts/agents.js';
import type { ShareFacts } from '../../src/contracts/shares.js';
import { type JobId, jobId, projectId, userId } from '../../src/core/units.js';
import { leader, stepTo } from '../store/a-job.js';
import { MemoryStore } from '../support/memory-store.js';
import { type AService, type Asked, aService, aTask, lead, NOW, PASSWORD } from './a-service.js';

/** `mallory` is in no project with anybody. */
export type Role = 'nobody' | 'broken' | 'alice' | 'bob' | 'mallory' | 'root';

export interface World extends AService {
  /** Plays an example, or the same with other words in its path. */
  readonly play: (
    route: Route,
    example: Example,
    changes?: { readonly as?: Role; readonly method?: Method; readonly params?: Example['params'] },
  ) => Promise<Response>;
}

const SHARES: ShareFacts = {
  at: NOW,
  policy: 'fairshare',
  usage: { kind: 'half-life', halfLifeMs: 604_800_000 },
  advanceMs: 600_000,
  capacity: { cpuMilli: 8_000, memMb: 16_000, gpus: 0 },
  accounts: [],
  users: [],
  projects: [],
};

/** Whether playing a route changes nothing, so that a world may be used again. */
export const isRead = ({ methods, path }: Route): boolean =>
  methods.every((method) => method === 'GET') && !path.endsWith('/archive');

export const isSignIn = ({ path }: Route): boolean => path.endsWith('/user/bind');

/** Hashing is slow on purpose: only `hasPassword` gives alice one. */
export async function aWorld(t: Test, hasPassword = false): Promise<World> {
  const service = await aService(t, {
    hasPassword,
    // Many worlds are made: in memory, none of them waits for a disk.
    store: new MemoryStore(),
    settings: {
      queues: [{ name: 'night', description: 'long jobs', executor: 'mesos' }],
      volumes: [{ name: 'home' }],
      prometheus_key: 'k',
    },
    volumes: [{ name: 'home', acl: 'rw', path: null, mount: null, isChecked: false }],
    deps: { shares: async () => SHARES },
  });
  const mallory = await addPeople(service);
  await addJobs(service);
  await service.store.putSetting(AGENTS_SETTING, JSON.stringify([NODE]));
  return { ...service, play: player(service, mallory) };
}

const NODE = {
  executor: 'mesos',
  host: 'node-1',
  total: { cpuMilli: 4_000, memMb: 8_000, gpus: 1, ports: 1_000, custom: {} },
  used: { cpuMilli: 500, memMb: 1_000, gpus: 0, ports: 0, custom: {} },
  attributes: { rack: 'r1' },
  isActive: true,
};

/** Projects, and the key of mallory. */
async function addPeople({ store, deps, directory }: AService): Promise<string> {
  const project = (name: string, ...members: readonly string[]) => ({
    id: projectId(name),
    description: '',
    prio: 50,
    members: members.map(userId),
    quotas: { time: 0, cpu: 0, ram: 0 },
    createdAt: NOW,
  });
  await store.putProject(project('lambda', 'alice', 'bob'));
  await store.putProject(project('idle', 'alice'));
  await store.putProject(project('secret', 'root'));
  const identity = { uid: 1002, gid: 1002, sgids: [], home: join(directory, 'home'), email: null };
  const made = await makeUser(
    { login: 'mallory', password: null, identity, isAdmin: false },
    { randomBytes: deps.randomBytes, now: NOW },
  );
  await store.putUser(made.record);
  return made.key;
}

async function addJobs(service: AService): Promise<void> {
  const { store, directory, submit } = service;
  const inLambda = { more: { user: { project: 'lambda' } } };
  const results = join(directory, 'job-3');
  mkdirSync(results);
  writeFileSync(join(results, 'god.log'), 'hello\n');
  must(await submit(aTask(inLambda)), 1);
  must(await submit(aTask(inLambda)), 2);
  await lead(service, jobId(2), 'running');
  must(await submit(aTask(inLambda)), 3);
  await lead(service, jobId(3), { over: 0 }, results);
  must(await submit(aTask({ ...inLambda, requirements: { hold: true } })), 4);
  must(await submit(aTask({ ...inLambda, requirements: { array: { values: '1:3' } } })), 5);
  must(await submit(aTask({ ...inLambda, requirements: { array: { values: '1:2' } } })), 9);
  const uploads = (...names: readonly string[]) =>
    submit(aTask({ ...inLambda, requirements: { uploads: names } }));
  must(await uploads('reads.fa'), 12);
  must(await uploads(), 13);
  const killed = await store.job(jobId(9));
  if (killed?.state !== 'open') throw new Error('job 9 is no array that waits');
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  const outcome = { kind: 'exited', exitCode: 137, because: null } as const;
  await store.advance(epoch, [
    stepTo(killed, {
      ...killed,
      state: 'over',
      outcome,
      endedAt: NOW,
      placement: null,
      container: { containerId: null, ipAddress: null },
    }),
  ]);
}

function must(found: JobId, wanted: number): void {
  if (found !== wanted) throw new Error(`job ${found} should be ${wanted}`);
}

function player({ ask, tokenOf, keys }: AService, malloryKey: string): World['play'] {
  const roleOf = ({ access }: Route, { as }: Example): Role => {
    if (as === null || access === 'nobody-needed') return 'nobody';
    return as ?? (access === 'admin' ? 'root' : 'alice');
  };
  async function tokenFor(role: Role): Promise<string | null> {
    if (role === 'nobody') return null;
    if (role === 'broken') return 'abc';
    if (role !== 'mallory') return tokenOf(role);
    const body = { user: 'mallory', apikey: malloryKey };
    const answer = await ask('/api/1.0/authenticate', { body, token: null });
    return answer.json<{ token: string }>().token;
  }
  const filled = (body: unknown): string =>
    JSON.stringify(body).replace('$APIKEY', keys.alice).replace('$PASSWORD', PASSWORD);
  return async (route, example, { as, method, params = example.params ?? {} } = {}) => {
    const path = route.path.replace(/[:*](\w+)/g, (_, name) =>
      encodeURIComponent(String(params[name] ?? '')),
    );
    const query = Object.entries(example.query ?? {}).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    const asked: Asked = {
      method: method ?? route.method,
      token: await tokenFor(as ?? roleOf(route, example)),
      ...(example.headers === undefined ? {} : { headers: example.headers }),
      ...(example.body === undefined ? {} : { raw: filled(example.body) }),
    };
    return ask(`${path}?${new URLSearchParams(query)}`, asked);
  };
}
