// One installation under trial: a master with a launch log, a proxy before it, a web server, schedulers.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type Scope, temporaryFolder } from '../support/places.js';
import { Installation, leaderAmong, type Scheduler, type Web } from '../support/processes.js';
import type { Background } from '../support/programs.js';
import type { JobDocument, RestClient } from '../support/rest.js';
import { waitFor } from '../support/waiting.js';
import { MasterProxy } from './proxy.js';

export interface SiteOptions {
  /** More of the node's command line; tasks are processes of one agent with 16 cpus unless it says otherwise. */
  readonly node?: readonly string[] | ((folder: string) => readonly string[]);
  /** What the schedulers take the node for; plain processes unless it says otherwise. */
  readonly mode?: 'process' | 'auto';
  readonly schedulers?: number;
  readonly environment?: NodeJS.ProcessEnv;
}

const USUAL_NODE = ['--tasks', 'process', '--agents', '1', '--cpus', '16', '--mem', '16000'];
const HEARTBEAT_S = 1;

export class Site {
  readonly installation: Installation;
  readonly proxy: MasterProxy;
  readonly home: string;
  readonly launchLog: string;
  readonly schedulers: Scheduler[] = [];
  readonly #nodeArgs: readonly string[];
  readonly #nodePort: number;
  #web: Web | undefined;
  #node: Background | undefined;

  private constructor(parts: {
    readonly installation: Installation;
    readonly proxy: MasterProxy;
    readonly folder: string;
    readonly nodeArgs: readonly string[];
    readonly nodePort: number;
  }) {
    this.installation = parts.installation;
    this.proxy = parts.proxy;
    this.home = parts.installation.home;
    this.launchLog = join(parts.folder, 'launches');
    this.#nodeArgs = parts.nodeArgs;
    this.#nodePort = parts.nodePort;
  }

  static async start(t: Scope, name: string, options: SiteOptions = {}): Promise<Site> {
    const folder = temporaryFolder(t, name);
    chmodSync(folder, 0o711);
    const home = join(folder, 'home');
    mkdirSync(home, { mode: 0o711 });
    const nodePort = await freePort();
    const proxy = await MasterProxy.start(t, `http://127.0.0.1:${nodePort}`);
    const installation = new Installation(t, {
      home,
      mesosPort: proxy.port,
      nodePort,
      environment: { GODOCKER_MESOS_ENCODING: 'json', ...options.environment },
      mode: options.mode ?? 'process',
    });
    const { node = USUAL_NODE } = options;
    const nodeArgs = typeof node === 'function' ? node(folder) : node;
    const site = new Site({ installation, proxy, folder, nodeArgs, nodePort });
    writeFileSync(site.launchLog, '');
    await site.startWeb();
    await site.startNode();
    for (let n = 0; n < (options.schedulers ?? 1); n++) await site.addScheduler();
    await site.ready();
    return site;
  }

  get client(): RestClient {
    return this.web.client;
  }

  get web(): Web {
    if (this.#web === undefined) throw new Error('the site has no web server');
    return this.#web;
  }

  get node(): Background {
    if (this.#node === undefined) throw new Error('the site has no node');
    return this.#node;
  }

  /** Again, after it was stopped. */
  async startWeb(): Promise<void> {
    this.#web = await this.installation.web();
  }

  /** Again, with what the journal of a former life tells. */
  async startNode(): Promise<void> {
    this.#node = await this.installation.node([
      ...['--heartbeat', String(HEARTBEAT_S), '--launch-log', this.launchLog, '--fault-control'],
      ...this.#nodeArgs,
    ]);
  }

  async addScheduler(): Promise<Scheduler> {
    const scheduler = await this.installation.scheduler();
    this.schedulers.push(scheduler);
    return scheduler;
  }

  leader = (): Promise<Scheduler> => leaderAmong(this.schedulers);

  /** kill -9 of the only scheduler, and another in its place. */
  async crashScheduler(): Promise<void> {
    await this.killScheduler();
    await this.addScheduler();
  }

  async killScheduler(): Promise<void> {
    const leader = await this.leader();
    this.schedulers.splice(this.schedulers.indexOf(leader), 1);
    await leader.process.kill9();
  }

  ready = (): Promise<boolean> =>
    waitFor('the site is ready', 60_000, async () => (await fetch(`${this.web.url}/readyz`)).ok);

  /** Tells the master what happens to its cluster. */
  async fault(fault: string, agent?: string): Promise<void> {
    const answer = await this.installation.askNode('/faults', { fault, agent });
    if (answer.status !== 200) throw new Error(`${fault}: ${answer.status} ${await answer.text()}`);
  }

  /** Ids of the agents that the master knows. */
  async agents(): Promise<readonly string[]> {
    const { slaves } = (await (await this.installation.askNode('/slaves')).json()) as {
      readonly slaves: readonly { readonly id: string }[];
    };
    return slaves.map(({ id }) => id);
  }

  get nodeUrl(): string {
    return `http://127.0.0.1:${this.#nodePort}`;
  }

  /** Submits so many scripts; answers their ids. */
  async submit(count: number, script: string, cpu = 0.1): Promise<readonly number[]> {
    const ids: number[] = [];
    for (let n = 0; n < count; n++) ids.push(await this.client.submit(script, { cpu, ram: 0.01 }));
    return ids;
  }

  async over(ids: readonly number[], exitCode = 0, limitMs = 90_000): Promise<Ended> {
    const jobs = await this.client.allOver(ids, limitMs);
    return jobs.map((job) => ({ job, exitCode }));
  }

  /** Until each is in one of these states. */
  async all(ids: readonly number[], states: readonly string[]): Promise<void> {
    for (const id of ids) await this.client.until(id, states);
  }
}

/** Jobs that are over, and what each should have ended with. */
export type Ended = readonly { readonly job: JobDocument; readonly exitCode: number }[];

/** A script that runs so long and ends with that code. */
export const lasting = (seconds: number, code = 0): string =>
  `#!/bin/sh\nsleep ${seconds}\nexit ${code}\n`;
