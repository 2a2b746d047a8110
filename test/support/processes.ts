// `godocker web`, `godocker scheduler` and a local node apart, as processes of their own on one home.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAnswering } from './local-mesos.js';
import type { Scope } from './places.js';
import { type Background, startBackground } from './programs.js';
import { projectFile } from './project.js';
import { RestClient } from './rest.js';
import { waitFor } from './waiting.js';

export interface Web {
  readonly url: string;
  readonly process: Background;
  /** Signed in as the first administrator. */
  readonly client: RestClient;
}

export interface Scheduler {
  readonly process: Background;
  /** What it says on its status port. */
  status(): Promise<SchedulerStatus>;
}

export interface SchedulerStatus {
  readonly isLeading: boolean;
  readonly pending: number;
  readonly live: number;
}

const START_MS_MAX = 60_000;

/** One installation of several processes. */
export class Installation {
  readonly home: string;
  readonly #scope: Scope;
  readonly #nodePort: number;
  readonly #environment: NodeJS.ProcessEnv;
  #started = 0;

  constructor(t: Scope, options: InstallationOptions) {
    const { home, mesosPort, nodePort = mesosPort, mode = 'process', environment } = options;
    this.home = home;
    this.#nodePort = nodePort;
    this.#scope = t;
    this.#environment = {
      ...process.env,
      GODOCKER_HOME: home,
      GODOCKER_PORT: '0',
      GODOCKER_LOCAL_MESOS_PORT: String(mesosPort),
      GODOCKER_CONTAINERIZER: mode,
      GODOCKER_SCHEDULER_STATUS_PORT: '0',
      ...environment,
    };
  }

  async web(): Promise<Web> {
    const process = this.#start('web');
    const url = await told(process, /GoDocker web is up: (\S+)/);
    await waitFor('the web server answers', START_MS_MAX, () => isAnswering(`${url}/healthz`));
    const admin = JSON.parse(readFileSync(join(this.home, 'admin.json'), 'utf8')) as {
      readonly user: string;
      readonly apikey: string;
    };
    return { url, process, client: await RestClient.signIn(url, admin) };
  }

  async scheduler(): Promise<Scheduler> {
    const process = this.#start('scheduler');
    const url = await told(process, /GoDocker scheduler is up: (\S+)/);
    const status = async (): Promise<SchedulerStatus> =>
      (await (await fetch(`${url}/healthz`)).json()) as SchedulerStatus;
    return { process, status };
  }

  async watcher(): Promise<Background> {
    const process = this.#start('watcher');
    await told(process, /(GoDocker watcher is up)/);
    return process;
  }

  /** The local node of this home; the credential must be there already, as after the first `web` or `scheduler`. */
  async node(args: readonly string[], port = this.#nodePort): Promise<Background> {
    const process = this.#start('local-mesos', [
      ...['--port', String(port), '--credential', join(this.home, 'mesos-credential.json')],
      ...args,
    ]);
    await waitFor('the local node answers', START_MS_MAX, () => {
      if (!process.isRunning()) throw new Error(`the local node ended: ${process.lastWords()}`);
      return isAnswering(`http://127.0.0.1:${port}/version`);
    });
    return process;
  }

  /** The local node's own account of tasks: what it launched, by task id, with the last state. */
  async tasks(): Promise<ReadonlyMap<string, string>> {
    const response = await this.askNode('/tasks?limit=1000000');
    const { tasks } = (await response.json()) as {
      readonly tasks: readonly { readonly id: string; readonly state: string }[];
    };
    return new Map(tasks.map(({ id, state }) => [id, state]));
  }

  /** A page of the local node, or, with a body, something it is told to do. */
  askNode(path: string, body?: unknown): Promise<Response> {
    const { principal, secret } = JSON.parse(
      readFileSync(join(this.home, 'mesos-credential.json'), 'utf8'),
    ) as { readonly principal: string; readonly secret: string };
    const basic = Buffer.from(`${principal}:${secret}`).toString('base64');
    return fetch(`http://127.0.0.1:${this.#nodePort}${path}`, {
      headers: { authorization: `Basic ${basic}` },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
  }

  #start(command: string, args: readonly string[] = []): Background {
    this.#started += 1;
    const logFile = join(this.home, '..', `${command}-${this.#started}.log`);
    writeFileSync(logFile, '');
    const program = startBackground(
      process.execPath,
      [projectFile('dist/bin/godocker.js'), command, ...args],
      { cwd: join(this.home, '..'), env: this.#environment, logFile },
    );
    this.#scope.teardown(() => program.stop());
    return program;
  }
}

export interface InstallationOptions {
  readonly home: string;
  /** Where schedulers look for the local node. */
  readonly mesosPort: number;
  /** Where it listens, if that is elsewhere: something stands between. */
  readonly nodePort?: number;
  /** More of the environment of every process. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly mode?: 'process' | 'auto';
}

/** The scheduler that leads now, once one does. */
export const leaderAmong = (schedulers: readonly Scheduler[]): Promise<Scheduler> =>
  waitFor('a scheduler leads', START_MS_MAX, async () => {
    for (const scheduler of schedulers)
      if (scheduler.process.isRunning() && (await scheduler.status()).isLeading) return scheduler;
    return undefined;
  });

/** A line that a program printed, its first group. */
function told(program: Background, line: RegExp): Promise<string> {
  return waitFor('the program is up', START_MS_MAX, () => {
    if (!program.isRunning()) throw new Error(`it ended: ${program.lastWords()}`);
    return line.exec(readFileSync(program.logFile, 'utf8'))?.[1];
  });
}
