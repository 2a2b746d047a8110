// The API on a real embedded store and the real local accounts, asked without a port.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import inject, { type Response } from 'light-my-request';
import { Registry } from 'prom-client';
import type { Test } from 'tap';
import authLocal from '../../plugins/auth-local.js';
import { prepareDirectory } from '../../plugins/storage-pairtree/directory.js';
import { measured, removeDirectory } from '../../plugins/storage-pairtree/walk.js';
import { makeUser } from '../../src/api/accounts.js';
import { type ApiDeps, createApi } from '../../src/api/app.js';
import { localJobFiles } from '../../src/api/files/job-files.js';
import { LiveStreams } from '../../src/api/live-streams.js';
import { readConfig } from '../../src/config/read.js';
import type { SiteVolume } from '../../src/contracts/auth.js';
import type { Clock, Timers } from '../../src/contracts/clock.js';
import { Events } from '../../src/contracts/events.js';
import type { JobNews } from '../../src/contracts/live.js';
import { SILENT } from '../../src/contracts/log.js';
import type { Host } from '../../src/contracts/plugin.js';
import type { Raw } from '../../src/contracts/reader.js';
import type { Store } from '../../src/contracts/store.js';
import { fairshare } from '../../src/core/fairshare.js';
import type { Job, Outcome } from '../../src/core/job.js';
import { type Instant, instant, type JobId, jobId } from '../../src/core/units.js';
import { StoredTrail } from '../../src/daemon/audit-trail.js';
import { systemClock, systemTimers } from '../../src/host/system.js';
import { usersIn } from '../../src/host/users.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { OwnNews } from '../../src/store/live/own-news.js';
import { ended, launched, leader, pendingJob, started, stepTo } from '../store/a-job.js';
import { carryOutWishes } from './a-leader.js';

export const NOW = instant(1_465_933_782_500);
export const PASSWORD = 'correct horse battery staple';

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'HEAD' | 'OPTIONS';
  readonly body?: unknown;
  readonly raw?: string | Buffer;
  readonly headers?: Record<string, string>;
  readonly token?: string | null;
}

export interface AService {
  readonly deps: ApiDeps;
  readonly store: Store;
  readonly keys: { readonly alice: string; readonly bob: string; readonly root: string };
  readonly directory: string;
  /** What event streams hear of: nothing here tells it. */
  readonly news: JobNews;
  readonly noticed: JobId[];
  readonly killsNoticed: JobId[];
  /** Jobs of which a hold or a release was told. */
  readonly holdsNoticed: JobId[];
  /** How often agents were said to have changed. */
  readonly agentsNoticed: { readonly count: number };
  /** Moves the clock. */
  readonly later: (ms: number) => void;
  /** Signed in as alice unless told. */
  readonly ask: (path: string, asked?: Asked) => Promise<Response>;
  readonly tokenOf: (user: 'alice' | 'bob' | 'root') => Promise<string>;
  readonly submit: (task?: unknown) => Promise<JobId>;
}

export interface ServiceOptions {
  readonly settings?: Raw;
  readonly volumes?: readonly SiteVolume[];
  /** alice's password is `PASSWORD`; else nobody has one. */
  readonly hasPassword?: boolean;
  readonly deps?: Partial<ApiDeps>;
  /** Of answers that go on; the real one unless told. */
  readonly time?: Clock & Timers;
  /** A real embedded one unless told. */
  readonly store?: Store;
}

const CATALOGUE = [
  { name: 'Debian', url: 'debian:12', isInteractive: false, isDefault: false, pull: null },
  { name: 'Ubuntu', url: 'ubuntu:24.04', isInteractive: true, isDefault: true, pull: null },
];

export function configOf(settings: Raw = {}, directory = '/nowhere') {
  const answer = readConfig({ environment: {}, overrides: settings, directory });
  if (answer.kind === 'refused') throw new Error(JSON.stringify(answer.problems));
  return answer.config;
}

export function hostOf(
  store: Pick<Store, 'user' | 'changeUser'>,
  volumes: readonly SiteVolume[],
  clock: Clock = { now: () => NOW, monotonicMs: () => 0 },
): Host {
  return {
    log: SILENT,
    clock,
    timers: { after: () => ({ cancel() {} }), soon: queueMicrotask },
    random: () => 0.5,
    users: usersIn(store),
    volumes,
    memory: { load: async () => null, save: async () => {} },
  };
}

export async function aService(t: Test, options: ServiceOptions = {}): Promise<AService> {
  // A teardown of the root makes tap end it as soon as it is idle, between two suites of one process for example.
  if (t.parent === undefined)
    throw new Error('a service belongs to a test, not to the whole suite');
  const directory = t.testdir({});
  const store =
    options.store ?? (await openEmbeddedStore({ path: join(directory, 'jobs.db'), log: SILENT }));
  t.teardown(() => store.close());
  const keys = await peopleIn(store, directory, options.hasPassword === true);
  let now: Instant = NOW;
  const clock: Clock = { now: () => now, monotonicMs: () => now };
  const noticed: JobId[] = [];
  const killsNoticed: JobId[] = [];
  const holdsNoticed: JobId[] = [];
  const agentsNoticed = { count: 0 };
  const news = new OwnNews('test');
  const timers = options.time ?? systemTimers;
  const streams = new LiveStreams({
    ...{ news, store, timers, log: SILENT, clock: options.time ?? systemClock },
  });
  streams.start();
  t.teardown(() => streams.stop());
  const deps: ApiDeps = {
    ...dullDeps({ store, directory, clock }, options),
    streams,
    timers,
    clock,
    notices: {
      submitted: (ids) => void noticed.push(...ids),
      killWanted: (id) => void killsNoticed.push(id),
      holdChanged: (id) => void holdsNoticed.push(id),
      wished: () => void carryOutWishes(store),
      agentsChanged: () => {
        agentsNoticed.count += 1;
      },
    },
    ...options.deps,
  };
  const later = (ms: number): void => {
    now = instant(now + ms);
  };
  const heard = { noticed, holdsNoticed, killsNoticed, agentsNoticed };
  return { deps, store, keys, directory, news, ...heard, later, ...askers(deps, keys) };
}

/** Three accounts, all with a home that is there; root is the administrator. */
async function peopleIn(
  store: Store,
  directory: string,
  hasPassword: boolean,
): Promise<AService['keys']> {
  const home = join(directory, 'home');
  mkdirSync(home);
  const keys = { alice: '', bob: '', root: '' };
  const putPerson = async (login: keyof typeof keys): Promise<void> => {
    const identity = { uid: 1001, gid: 1001, sgids: [100], home, email: `${login}@example.org` };
    // Hashing is slow on purpose: only where a test signs in with it.
    const password = login === 'alice' && hasPassword ? PASSWORD : null;
    const ports = { randomBytes, now: NOW };
    const made = await makeUser({ login, password, identity, isAdmin: login === 'root' }, ports);
    await store.putUser(made.record);
    keys[login] = made.key;
  };
  // Side by side, so that they share one sync of the store.
  await Promise.all((['alice', 'bob', 'root'] as const).map(putPerson));
  return keys;
}

function dullDeps(
  {
    store,
    directory,
    clock,
  }: { readonly store: Store; readonly directory: string; readonly clock: Clock },
  { settings, volumes = [] }: ServiceOptions,
): Omit<ApiDeps, 'clock' | 'notices' | 'streams' | 'timers'> {
  return {
    config: configOf(settings, directory),
    store,
    guestIdentity: null,
    auth: authLocal.create({}, hostOf(store, volumes, clock)),
    randomBytes,
    secret: randomBytes(32),
    log: SILENT,
    events: new Events(),
    audit: trailOf(store),
    files: localJobFiles,
    prepareDirectory: async ({ id, identity }) =>
      prepareDirectory(directory, { id, identity, launch: 1, files: [] }),
    measureDirectory: async (path) => measured(path, 1_000, () => {}).bytes,
    removeDirectory: async (path) => removeDirectory(path),
    images: async () => CATALOGUE,
    containerizer: 'docker',
    executorFeatures: () => ['kill'],
    inventory: () => null,
    obstacles: () => undefined,
    policy: fairshare(),
    shares: async () => undefined,
    outlook: async () => undefined,
    presence: async () => ({ processes: [], silent: [] }),
    notReady: () => [],
    warnings: () => [],
    metrics: new Registry(),
    pages: null,
    version: '2.0.0',
    checksAnswers: true,
    onBug: (bug) => {
      throw bug;
    },
  };
}

/** Written at once: there is no time here that would pass by itself. */
const trailOf = (store: Store): StoredTrail =>
  new StoredTrail({
    store,
    clock: { now: () => NOW, monotonicMs: () => 0 },
    timers: { after: () => ({ cancel() {} }), soon: queueMicrotask },
    log: SILENT,
  });

function askers(
  deps: ApiDeps,
  keys: AService['keys'],
): Pick<AService, 'ask' | 'tokenOf' | 'submit'> {
  const listen = createApi(deps).callback();
  const tokens = new Map<string, string>();

  async function ask(path: string, asked: Asked = {}): Promise<Response> {
    const token = asked.token === undefined ? await tokenOf('alice') : asked.token;
    const content =
      asked.raw ?? (asked.body === undefined ? undefined : JSON.stringify(asked.body));
    return inject(listen, {
      method: asked.method ?? (content === undefined ? 'GET' : 'POST'),
      url: path,
      headers: {
        'content-type': 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...asked.headers,
      },
      ...(content === undefined ? {} : { payload: content }),
    });
  }

  async function tokenOf(user: 'alice' | 'bob' | 'root'): Promise<string> {
    const known = tokens.get(user);
    if (known !== undefined) return known;
    const body = { user, apikey: keys[user] };
    const answer = await ask('/api/1.0/authenticate', { body, token: null });
    const { token } = answer.json<{ token: string }>();
    tokens.set(user, token);
    return token;
  }

  async function submit(task: unknown = aTask()): Promise<JobId> {
    const answer = await ask('/api/1.0/task', { body: task });
    if (answer.statusCode !== 200) throw new Error(`not accepted: ${answer.body}`);
    return jobId(answer.json<{ id: number }>().id);
  }
  return { ask, tokenOf, submit };
}

type Part = Readonly<Record<string, unknown>>;

/** What the old command line sends, with parts replaced. */
export function aTask(
  parts: {
    readonly meta?: Part;
    readonly requirements?: Part;
    readonly container?: Part;
    readonly command?: Part;
    readonly more?: Part;
  } = {},
): Part {
  return {
    user: { id: 'alice', uid: 1001, gid: 1001, project: 'default' },
    date: 1_465_933_700.25,
    meta: { name: 'align', description: 'reads of lambda', tags: ['galaxy'], ...parts.meta },
    requirements: {
      cpu: 1,
      ram: 2,
      array: { values: null },
      label: [],
      tasks: [],
      tmpstorage: null,
      ...parts.requirements,
    },
    container: {
      image: 'debian:12',
      volumes: [],
      network: true,
      id: null,
      meta: null,
      stats: null,
      ports: [],
      root: false,
      ...parts.container,
    },
    command: { interactive: false, cmd: '#!/bin/sh\necho hello\n', ...parts.command },
    status: { primary: null, secondary: null },
    ...parts.more,
  };
}

/** Leads a submitted job to a state, as the scheduler daemon would. */
export async function lead(
  { store }: Pick<AService, 'store'>,
  id: JobId,
  to: 'launching' | 'running' | { readonly over: Outcome | number },
  directory?: string,
): Promise<Job> {
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  const pending = await pendingJob(store, id);
  const first = launched(pending);
  const launching = directory === undefined ? first : { ...first, directory };
  const running = started(launching);
  const outcome = typeof to === 'object' ? to.over : 0;
  const over =
    typeof outcome === 'number' ? ended(running, outcome) : { ...ended(running), outcome };
  const path: readonly (readonly [Job, Job])[] = [
    [pending, launching],
    [launching, running],
    [running, over],
  ];
  const length = to === 'launching' ? 1 : to === 'running' ? 2 : 3;
  for (const [before, after] of path.slice(0, length)) {
    const [answer] = await store.advance(epoch, [stepTo(before, after)]);
    if (answer?.kind !== 'stored') throw new Error(`job ${id}: the step was refused`);
  }
  const job = await store.job(id);
  if (job === undefined) throw new Error(`job ${id} vanished`);
  return job;
}
