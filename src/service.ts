/** The composition root of `up`: the only place that builds what lives long, and takes it down again in order. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { makeUser } from './api/accounts.js';
import { createApi } from './api/app.js';
import { localJobFiles } from './api/job-files.js';
import { close, listen } from './api/listen.js';
import { createTokens } from './api/tokens.js';
import { Home } from './config/home.js';
import { jobIdentity, sharedDirectory } from './config/job-account.js';
import type { Authenticator } from './contracts/auth.js';
import type { Cluster, ClusterMemory } from './contracts/cluster.js';
import type { CatalogueImage, Config } from './contracts/config.js';
import { Events } from './contracts/events.js';
import type { Log } from './contracts/log.js';
import type { Host, PluginKind } from './contracts/plugin.js';
import type { Store } from './contracts/store.js';
import type { Identity } from './core/job.js';
import { userId } from './core/units.js';
import { SchedulerDaemon } from './daemon/scheduler.js';
import { type LoadInput, loadPlugin } from './host/load.js';
import { openLog } from './host/log.js';
import { Stack } from './host/stack.js';
import { systemClock, systemRandom, systemTimers } from './host/system.js';
import { type LocalNode, startLocalNode } from './localmesos/index.js';
import { JSON_TYPE, PROTOBUF_TYPE } from './mesos/codec.js';
import { MesosFramework } from './mesos/framework.js';
import { UndiciTransport } from './mesos/transport.js';
import { openEmbeddedStore } from './store/embedded/store.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const DISTRIBUTION = dirname(HERE);
const PROJECT = dirname(DISTRIBUTION);

/** Files of the home that people and programs look for. */
const ADMIN_FILE = 'admin.json';
const ENDPOINTS_FILE = 'endpoints.json';
const MESOS_CREDENTIAL_FILE = 'mesos-credential.json';
const ADMIN = userId('admin');
const SIGN_IN_MS = 3_600_000;
const INSTALLATION = 'installation';
const FRAMEWORK_ID = 'mesos.framework-id';

/** A running service. */
export interface Service {
  readonly web: string;
  /** The local node's address, or null: a cluster elsewhere. */
  readonly mesos: string | null;
  readonly notices: readonly string[];
  /** Opens the page as the administrator. */
  readonly signInLink: string;
  stop(): Promise<void>;
}

/**
 * Starts everything in this process.
 * @param failed called with a bug of ours: the process must stop, its supervisor starts it again.
 * @throws HomeTaken, BadPlugins, ServiceError; then nothing is left running.
 */
export async function startService(
  config: Config,
  failed: (error: unknown) => void,
): Promise<Service> {
  const log = openLog({ level: config.logLevel });
  const stack = new Stack();
  try {
    return await build(config, log, stack, failed);
  } catch (error) {
    await stack.takeDown(log);
    throw error;
  }
}

async function build(
  config: Config,
  log: Log,
  stack: Stack,
  failed: (error: unknown) => void,
): Promise<Service> {
  const home = Home.open(config.home);
  stack.push('home', () => home.close());
  home.remove(ENDPOINTS_FILE);
  const identity = jobIdentity(config.jobs.user);
  const shared = sharedDirectory(home.path, config.sharedDir, identity);
  const store = await openEmbeddedStore({ path: home.at('store.db'), log });
  stack.push('store', () => store.close());
  const installation = await settled(store, INSTALLATION, randomUUID);
  const adminKey = await adminAccount(home, store, identity);

  const node = await localNode(config, home, shared.path, log);
  if (node !== null) stack.push('local node', () => node.stop());
  const host = hostFor(config, store, log);
  const loading: LoadInput = {
    folders: [
      join(DISTRIBUTION, 'plugins'),
      ...(config.pluginsDir === null ? [] : [config.pluginsDir]),
    ],
    options: {
      ...config.pluginOptions,
      'storage-pairtree': { shared_dir: shared.path },
      'scheduler-fairshare': fairshareOptions(config),
    },
    hostFor: host,
  };
  const [auth, policy, storage] = await Promise.all([
    loadPlugin({ kind: 'auth', name: config.plugins.auth }, loading),
    loadPlugin({ kind: 'scheduler', name: config.plugins.scheduler }, loading),
    loadPlugin({ kind: 'storage', name: 'pairtree' }, loading),
  ]);

  const events = new Events();
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const containerizer = node === null ? 'mesos' : node.containerizer;
  const scheduler = new SchedulerDaemon(
    {
      store,
      storage,
      policy,
      events,
      installation,
      failed,
      clock: systemClock,
      timers: systemTimers,
      log: log.with({ part: 'scheduler' }),
    },
    {
      installation,
      holder: `${process.pid}-${randomUUID()}`,
      isAlone: true,
      defaultExecutor: 'mesos',
      usageWindowMs: config.usageWindowMs,
      modeOf: () => (containerizer === 'process' ? 'process' : 'container'),
    },
    () => [mesosCluster(config, home, store, node, log)],
  );
  scheduler.start();
  stack.push('scheduler', () => scheduler.stop());

  const secret = Buffer.from(config.web.secret ?? home.secret('jwt-key'));
  const api = createApi({
    config,
    store,
    auth,
    events,
    metrics,
    clock: systemClock,
    randomBytes,
    secret,
    log: log.with({ part: 'web' }),
    notices: scheduler.notices,
    files: localJobFiles,
    images: () => imagesOf(config, node),
    containerizer: containerizer === 'simulate' ? 'process' : containerizer,
    executorFeatures: ['kill', 'resources.port'],
    inventory: () => node?.agents ?? null,
    obstacles: (id) => scheduler.obstacles(id),
    notReady: () => {
      const { isReady, trouble } = scheduler.status();
      return isReady ? trouble : ['the scheduler is starting', ...trouble];
    },
    pages: pagesFolder(),
    version: version(),
    onBug: failed,
  });
  const web = await listen(config.web, api.callback());
  stack.push('web server', () => close(web.server));
  home.writeSecret(
    ADMIN_FILE,
    json({ server: web.url, user: ADMIN, password: adminKey.password, apikey: adminKey.apikey }),
  );
  home.writeSecret(ENDPOINTS_FILE, json({ web: web.url, mesos: node?.url ?? null }));
  stack.push('endpoints', () => home.remove(ENDPOINTS_FILE));
  return {
    web: web.url,
    mesos: node?.url ?? null,
    notices: noticesOf(config, node, shared.notice),
    signInLink: `${web.url}${config.web.prefix}/app/#token=${await signInToken(secret, auth)}`,
    stop: () => stack.takeDown(log),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value)}\n`;

/** Stands in a terminal and perhaps in a log: good for an hour, and for nothing but a session. */
async function signInToken(secret: Uint8Array, auth: Authenticator): Promise<string> {
  const tokens = createTokens({ secret, auth, clock: systemClock, sessionMs: SIGN_IN_MS });
  const admin = await auth.user(ADMIN);
  return admin === undefined ? '' : tokens.forPassword(admin);
}

/** A setting, made at its first use. */
async function settled(store: Store, name: string, make: () => string): Promise<string> {
  const known = await store.setting(name);
  if (known !== undefined) return known;
  const made = make();
  await store.putSetting(name, made);
  return made;
}

interface AdminKey {
  readonly password: string;
  readonly apikey: string;
}

/** The first account. Its secrets are in the home, readable by the service's user alone, and nowhere else. */
async function adminAccount(home: Home, store: Store, identity: Identity): Promise<AdminKey> {
  const text = home.read(ADMIN_FILE);
  const known = text === undefined ? undefined : (JSON.parse(text) as AdminKey);
  const record = await store.user(ADMIN);
  if (known !== undefined && record !== undefined) {
    // The account that runs jobs may have been configured anew.
    await store.putUser({ ...record, identity });
    return known;
  }
  const password = randomBytes(18).toString('base64url');
  const made = await makeUser(
    { login: ADMIN, password, identity, isAdmin: true },
    { randomBytes, now: systemClock.now() },
  );
  await store.putUser(made.record);
  return { password, apikey: made.key };
}

async function localNode(
  config: Config,
  home: Home,
  sharedDir: string,
  log: Log,
): Promise<LocalNode | null> {
  if (config.mesos.master !== null) return null;
  const { local } = config;
  const credential = mesosCredential(home);
  return startLocalNode({
    port: local.mesosPort,
    containerizer: local.containerizer,
    ...(local.cpus === null ? {} : { cpus: local.cpus }),
    ...(local.memMb === null ? {} : { memMb: local.memMb }),
    ...(local.gpus === null ? {} : { gpus: local.gpus }),
    attributes: local.attributes,
    stateDir: home.at('local-mesos'),
    credential,
    allowMounts: [sharedDir, ...config.volumes.flatMap(({ path }) => path ?? [])],
    log: log.with({ part: 'local-mesos' }),
  });
}

function mesosCredential(home: Home): { principal: string; secret: string } {
  const known = home.read(MESOS_CREDENTIAL_FILE);
  if (known !== undefined) return JSON.parse(known) as { principal: string; secret: string };
  const made = {
    principal: `godocker-${randomBytes(4).toString('hex')}`,
    secret: randomBytes(32).toString('base64url'),
  };
  home.writeSecret(MESOS_CREDENTIAL_FILE, json(made));
  return made;
}

function mesosCluster(
  config: Config,
  home: Home,
  store: Store,
  node: LocalNode | null,
  log: Log,
): Cluster {
  const { mesos } = config;
  const local = node === null ? null : mesosCredential(home);
  return new MesosFramework({
    masters: node === null ? (mesos.master ?? '').split(',') : [new URL(node.url).host],
    framework: {
      user: 'root',
      name: mesos.name,
      roles: mesos.roles,
      principal: local?.principal ?? mesos.principal,
      secret: local?.secret ?? mesos.secret,
      failoverTimeoutMs: mesos.failoverMs,
      hostname: null,
      webuiUrl: config.web.endpoint,
      labels: {},
    },
    mediaType: mesos.encoding === 'json' ? JSON_TYPE : PROTOBUF_TYPE,
    tasks: { network: 'BRIDGE', alwaysPull: config.images.pull === 'always' },
    memory: memoryIn(store, FRAMEWORK_ID),
    ports: {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      log: log.with({ part: 'mesos' }),
      transport: new UndiciTransport(),
    },
  });
}

const memoryIn = (store: Store, name: string): ClusterMemory => ({
  load: async () => (await store.setting(name)) ?? null,
  save: (frameworkId) => store.putSetting(name, frameworkId),
});

/** What each plugin may touch. */
const hostFor =
  (config: Config, store: Store, log: Log) =>
  (kind: PluginKind, name: string): Host => ({
    log: log.with({ plugin: `${kind}-${name}` }),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    users: { user: (login) => store.user(userId(login)) },
    volumes: config.volumes,
    memory: memoryIn(store, `plugin.${kind}-${name}`),
  });

const fairshareOptions = ({ fairshare }: Config) => ({
  waiting_time_weight: fairshare.waitingTime,
  user_time_weight: fairshare.userTime,
  user_cpu_weight: fairshare.userCpu,
  user_ram_weight: fairshare.userRam,
  group_time_weight: fairshare.groupTime,
  group_cpu_weight: fairshare.groupCpu,
  group_ram_weight: fairshare.groupRam,
  user_weight: fairshare.user,
  group_weight: fairshare.group,
});

/** The catalogue in force: the site's, else what the local node can run without a registry. */
async function imagesOf(
  config: Config,
  node: LocalNode | null,
): Promise<readonly CatalogueImage[]> {
  if (config.images.catalogue.length > 0 || node === null) return config.images.catalogue;
  const names = node.containerizer === 'docker' ? await node.images() : ['host'];
  return names.map((name, index) => ({
    name,
    url: name,
    isInteractive: false,
    isDefault: index === 0,
  }));
}

function pagesFolder(): string | null {
  const folder = join(PROJECT, 'web/dist');
  return existsSync(join(folder, 'index.html')) ? folder : null;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

function noticesOf(config: Config, node: LocalNode | null, shared: string | null): string[] {
  const notices: string[] = [];
  if (node?.containerizer === 'process')
    notices.push(
      'jobs run as plain processes: no isolation, images are not used; development only',
    );
  const { cpus: offered } = config.local;
  if (node !== null && offered !== null && offered > cpus().length)
    notices.push(`the local node offers ${offered} cpus, this machine has ${cpus().length}`);
  if (shared !== null) notices.push(shared);
  return notices;
}
