// The whole service as users start it, in its own session, and a REST client that knows only the documented shapes.
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAnswering } from './local-mesos.js';
import { type Scope, temporaryFolder } from './places.js';
import { type Background, startBackground } from './programs.js';
import { projectFile } from './project.js';
import { RestClient } from './rest.js';
import { waitFor } from './waiting.js';

export interface ServiceOptions {
  /** Data directory; a new one, removed after the test, when absent. */
  readonly home?: string;
  readonly containerizer?: 'process' | 'docker' | 'auto';
  /** More of the environment, `GODOCKER_LOCAL_CPUS` for example; undefined takes a variable away. */
  readonly env?: NodeJS.ProcessEnv;
  /** False: a service whose cluster is not there yet is never ready; it is enough that it listens. */
  readonly isReadyAwaited?: boolean;
  /** Added to `up`. */
  readonly args?: readonly string[];
}

export interface Service {
  readonly home: string;
  readonly url: string;
  /** Address of the local node, or of the master. */
  readonly mesosUrl: string;
  readonly admin: { readonly user: string; readonly password: string; readonly apikey: string };
  readonly process: Background;
  /** Signed in as the first administrator. */
  readonly client: RestClient;
  /** Time from its start until it was ready. */
  readonly readyMs: number;
  /** Kills the whole session at once, as a power cut would; jobs and their supervisors stay. */
  kill9(): Promise<void>;
  /** A clean stop. */
  stop(): Promise<void>;
}

const START_MS_MAX = 60_000;

/** Starts `godocker up` on free ports and waits until it is ready. It is stopped after the test, whatever happens. */
export async function startService(t: Scope, options: ServiceOptions = {}): Promise<Service> {
  const home = options.home ?? temporaryHome(t);
  const startedAt = performance.now();
  // Left behind by a kill -9: it tells the addresses of a service that is gone.
  rmSync(join(home, 'endpoints.json'), { force: true });
  const program = startBackground(
    process.execPath,
    [projectFile('dist/bin/godocker.js'), 'up', ...(options.args ?? [])],
    {
      cwd: home,
      env: {
        ...process.env,
        GODOCKER_HOME: home,
        GODOCKER_PORT: '0',
        GODOCKER_LOCAL_MESOS_PORT: '0',
        GODOCKER_LOCAL_CPUS: '16',
        GODOCKER_CONTAINERIZER: options.containerizer ?? 'process',
        ...options.env,
      },
      logFile: join(home, 'service.log'),
    },
  );
  t.teardown(() => program.stop());
  const endpoints = await waitFor('the service listens', START_MS_MAX, () => {
    if (!program.isRunning()) throw new Error(`the service ended: ${program.lastWords()}`);
    return readJson<{ web: string; mesos: string }>(join(home, 'endpoints.json'));
  });
  const ready = options.isReadyAwaited === false ? '/healthz' : '/readyz';
  await waitFor('the service is ready', START_MS_MAX, () => {
    if (!program.isRunning()) throw new Error(`the service ended: ${program.lastWords()}`);
    return isAnswering(endpoints.web + ready);
  });
  const readyMs = performance.now() - startedAt;
  const admin = readJson<Service['admin']>(join(home, 'admin.json'));
  if (admin === undefined) throw new Error('the service is ready without admin.json');
  return {
    home,
    url: endpoints.web,
    mesosUrl: endpoints.mesos,
    admin,
    process: program,
    client: await RestClient.signIn(endpoints.web, admin),
    readyMs,
    kill9: () => program.kill9(),
    stop: () => program.stop(),
  };
}

/** A data directory that the jobs' own user can enter; otherwise jobs would leave theirs in /var/lib. */
export function temporaryHome(t: Scope): string {
  const folder = temporaryFolder(t, 'home');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o711 });
  return home;
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
