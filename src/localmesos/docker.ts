/** Runs tasks in Docker containers, which outlive the node and are found again by their labels. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import { NoAccount } from './accounts.js';
import type { Containerizer, ContainerListener, End, Launch } from './containerizer.js';
import { DockerApi, DockerRefusal, type Inspection } from './docker-api.js';
import { CONTAINER_LABEL, containerConfig, NODE_LABEL, NotGranted } from './docker-config.js';
import type { TaskImage } from './image.js';
import { afterLong } from './long-timer.js';
import { registryAuth } from './registry-auth.js';

/** Between attempts to reach a daemon that went away while containers run. */
const RETRY_MS = 1_000;
const OOM_LOOKS = 10;
const OOM_LOOK_EACH_MS = 50;
const LOST: End = { kind: 'lost', message: 'Executor terminated' };
const NOT_FOUND = 404;
const NOT_EXECUTABLE: readonly number[] = [126, 127];
const CONFLICT = 409;

interface Running {
  readonly containerId: string;
  /** Docker's id, once the container is made. */
  dockerId: string | null;
  isStarted: boolean;
  /** Nothing of it has been made: it waits for its image. */
  isPulling: boolean;
  /** Set by a kill that came before the start. */
  killGraceMs: number | null;
  killAtMs: number;
  killTimer: Timer | null;
}

/** Ended by SIGKILL that nobody sent, as far as we and the daemon know. */
const isUnexplainedKill = ({ State }: Inspection, { killTimer, killGraceMs }: Running): boolean =>
  State.ExitCode === 137 && !State.OOMKilled && killTimer === null && killGraceMs === null;

export interface DockerOptions {
  readonly socketPath: string;
  /** Tells our containers from those of other nodes on the same daemon. */
  readonly nodeId: string;
  readonly granted: readonly string[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

export class DockerContainerizer implements Containerizer {
  readonly name = 'docker';
  readonly noun = 'Container';
  readonly #options: DockerOptions;
  readonly #api: DockerApi;
  readonly #running = new Map<string, Running>();
  /** Docker's ids of containers that ended and still exist. */
  readonly #ended = new Map<string, string>();
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #listener: ContainerListener = () => {};

  constructor(options: DockerOptions) {
    this.#options = options;
    this.#api = new DockerApi(options.socketPath);
  }

  async start(listener: ContainerListener): Promise<void> {
    this.#listener = listener;
  }

  launch(launch: Launch): void {
    const running = newRunning(launch.containerId);
    this.#running.set(launch.containerId, running);
    this.#run(launch, running).catch((error) => this.#failed(running, error));
  }

  kill(containerId: string, graceMs: number): void {
    const running = this.#running.get(containerId);
    if (running === undefined) return;
    if (!running.isStarted) {
      running.killGraceMs = Math.min(graceMs, running.killGraceMs ?? graceMs);
      // A pull may take long, and may be for others too: it goes on without this task.
      if (running.isPulling) this.#endedBefore(running);
      return;
    }
    const killAtMs = this.#options.clock.monotonicMs() + graceMs;
    if (running.killTimer === null) this.#signal(running, 'SIGTERM');
    else if (killAtMs >= running.killAtMs) return;
    running.killTimer?.cancel();
    running.killAtMs = killAtMs;
    running.killTimer = afterLong(this.#options.timers, graceMs, () =>
      this.#signal(running, 'SIGKILL'),
    );
  }

  async recover(launches: readonly Launch[]): Promise<void> {
    const listed = await this.#api.list(`${NODE_LABEL}=${this.#options.nodeId}`);
    const found = new Map(listed.map((one) => [one.Labels[CONTAINER_LABEL], one]));
    for (const { containerId } of launches) {
      const running = newRunning(containerId);
      this.#running.set(containerId, running);
      const container = found.get(containerId);
      found.delete(containerId);
      if (container === undefined) this.#end(running, LOST);
      else {
        running.dockerId = container.Id;
        await this.#adopt(running, container.Id);
      }
    }
    for (const [containerId, { Id, State }] of found) {
      if (State === 'running' || containerId === undefined) {
        this.#options.log.warn('a container of a forgotten task is running', {
          containerId,
          id: Id,
        });
      } else this.#remove(Id);
    }
  }

  forget(containerId: string): void {
    const id = this.#ended.get(containerId);
    if (id === undefined) return;
    this.#ended.delete(containerId);
    this.#remove(id);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { killTimer } of this.#running.values()) killTimer?.cancel();
    await this.#api.close();
  }

  async #run(launch: Launch, running: Running): Promise<void> {
    const { containerId } = launch;
    const { nodeId, granted } = this.#options;
    const { image, config } = containerConfig(launch, { nodeId, granted });
    if (image.isPullForced || !(await this.#api.hasImage(image.name))) {
      if (this.#endedBefore(running)) return;
      running.isPulling = true;
      await this.#pull(image);
      running.isPulling = false;
    }
    if (!this.#running.has(containerId) || this.#endedBefore(running)) return;
    this.#listener({ kind: 'starting', containerId });
    try {
      const id = await this.#api.create(`godocker-${containerId}`, config);
      running.dockerId = id;
      if (this.#endedBefore(running)) return;
      await this.#api.start(id);
      await this.#follow(running, id);
    } catch (error) {
      if (this.#stop.signal.aborted || (await this.#neverRan(running, error))) throw error;
    }
  }

  /**
   * Whether it is certain that nothing ran. A request without an answer may have been obeyed all the same: then the
   * daemon is asked until it tells, and what it did is followed.
   */
  async #neverRan(running: Running, error: unknown): Promise<boolean> {
    const { containerId, dockerId } = running;
    if (running.isStarted) return true;
    if (error instanceof DockerRefusal) {
      if (dockerId === null) return true;
      const { State } = await this.#patiently(() => this.#api.inspect(dockerId));
      if (!NOT_EXECUTABLE.includes(State.ExitCode)) return true;
      // The program is missing in the image, or is none: shells tell that by a code, and so do we.
      this.#end(running, { kind: 'exited', code: State.ExitCode });
      return false;
    }
    const label = `${CONTAINER_LABEL}=${containerId}`;
    const [found] = await this.#patiently(() => this.#api.list(label));
    if (found === undefined) return true;
    running.dockerId = found.Id;
    if (found.State === 'created' && (await this.#removeUnstarted(found.Id))) return true;
    await this.#follow(running, found.Id);
    return false;
  }

  /** A kill that came before the start: nothing has run, nothing will. */
  #endedBefore(running: Running): boolean {
    if (running.killGraceMs === null) return false;
    this.#end(running, { kind: 'signaled', signal: 15 });
    return true;
  }

  /** Several tasks of one image share a pull. @throws Error that names the image, as the framework reads it */
  async #pull({ name, credentials }: TaskImage): Promise<void> {
    const auth = credentials === null ? undefined : registryAuth(credentials, name);
    // A pull that somebody else's credentials opened says nothing about these.
    const key = JSON.stringify([name, auth]);
    const under =
      this.#pulls.get(key) ??
      this.#api
        .pull(name, auth)
        .catch((cause: unknown) => {
          throw new Error(pullFailure(name, cause), { cause });
        })
        .finally(() => this.#pulls.delete(key));
    this.#pulls.set(key, under);
    return under;
  }

  async #adopt(running: Running, id: string): Promise<void> {
    const inspection = await this.#api.inspect(id);
    if (inspection.State.Status === 'created' && (await this.#removeUnstarted(id))) {
      this.#end(running, LOST);
      return;
    }
    this.#follow(running, id).catch((error) => this.#failed(running, error));
  }

  /** False when it was started after all: a start sent by the former life may still have been on its way. */
  async #removeUnstarted(id: string): Promise<boolean> {
    try {
      await this.#api.remove(id, false);
      return true;
    } catch (error) {
      if (error instanceof DockerRefusal && error.status === CONFLICT) return false;
      throw error;
    }
  }

  /** Tells the start, waits for the end, tells the end. */
  async #follow(running: Running, id: string): Promise<void> {
    const { containerId } = running;
    const inspection = await this.#patiently(() => this.#api.inspect(id));
    running.isStarted = true;
    this.#listener({
      kind: 'started',
      containerId,
      pid: inspection.State.Pid > 0 ? inspection.State.Pid : null,
      ip: addressOf(inspection),
      data: Buffer.from(JSON.stringify([inspection])).toString('base64'),
      ranMs: this.#ranMs(inspection),
    });
    if (running.killGraceMs !== null) this.kill(containerId, running.killGraceMs);
    let last = inspection;
    while (last.State.Running) {
      await this.#patiently(() => this.#api.wait(id));
      last = await this.#patiently(() => this.#api.inspect(id));
    }
    // The daemon learns of a kill for memory beside the end, and may note it a moment later.
    for (let n = 0; n < OOM_LOOKS && isUnexplainedKill(last, running); n++) {
      await delay(OOM_LOOK_EACH_MS, undefined, { signal: this.#stop.signal, ref: false });
      last = await this.#patiently(() => this.#api.inspect(id));
    }
    const { OOMKilled, ExitCode: code } = last.State;
    this.#end(running, { kind: OOMKilled ? 'out-of-memory' : 'exited', code });
  }

  /** Both by the clock of this machine. A date that makes no sense counts as now. */
  #ranMs({ State }: Inspection): number {
    const ranMs = this.#options.clock.now() - Date.parse(State.StartedAt);
    return Number.isFinite(ranMs) ? Math.max(0, ranMs) : 0;
  }

  /** A daemon that is away comes back, and its containers with it; only its own no is an answer. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof DockerRefusal || this.#stop.signal.aborted) throw error;
        this.#options.log.warn('Docker does not answer; trying again', { cause: String(error) });
      }
      await delay(RETRY_MS, undefined, { signal: this.#stop.signal, ref: false });
    }
  }

  #failed(running: Running, error: unknown): void {
    // Left to the next life of the node, which finds the container by its label; or killed before its image came.
    if (this.#stop.signal.aborted || !this.#running.has(running.containerId)) return;
    if (running.isStarted && error instanceof DockerRefusal && error.status === NOT_FOUND) {
      this.#end(running, { kind: 'lost', message: 'The container was removed by somebody' });
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof NoAccount) {
      this.#end(running, { kind: 'no-account', message });
      return;
    }
    const level = error instanceof NotGranted ? 'info' : 'warn';
    this.#options.log[level]('container not launched', {
      containerId: running.containerId,
      message,
    });
    this.#end(running, { kind: 'launch-failed', message });
  }

  #end(running: Running, end: End): void {
    const { containerId, dockerId } = running;
    if (!this.#running.delete(containerId)) return;
    running.killTimer?.cancel();
    if (dockerId !== null) this.#ended.set(containerId, dockerId);
    this.#listener({ kind: 'ended', containerId, end });
  }

  #signal({ dockerId }: Running, signal: 'SIGTERM' | 'SIGKILL'): void {
    if (dockerId === null) return;
    this.#api.signal(dockerId, signal).catch((error) => {
      // Not found, or not running any more: its end is on its way.
      if (error instanceof DockerRefusal && error.status !== 500) return;
      this.#options.log.warn('signal not delivered', { dockerId, signal, cause: String(error) });
    });
  }

  #remove(id: string): void {
    this.#api.remove(id, true).catch((error) => {
      const isGone = error instanceof DockerRefusal && [NOT_FOUND, CONFLICT].includes(error.status);
      if (!isGone) this.#options.log.warn('container not removed', { id, cause: String(error) });
    });
  }
}

function pullFailure(image: string, cause: unknown): string {
  const words = cause instanceof Error ? cause.message : String(cause);
  const said = cause instanceof DockerRefusal ? words : `Docker does not answer: ${words}`;
  return `Failed to pull the image ${image}: ${said}`;
}

const newRunning = (containerId: string): Running => ({
  containerId,
  dockerId: null,
  isStarted: false,
  isPulling: false,
  killGraceMs: null,
  killAtMs: 0,
  killTimer: null,
});

/** Null when the container shares the host's network, or has none. */
function addressOf({ NetworkSettings }: Inspection): string | null {
  const addresses = Object.values(NetworkSettings.Networks ?? {}).map(({ IPAddress }) => IPAddress);
  return (
    [NetworkSettings.IPAddress, ...addresses].find((ip) => ip !== undefined && ip !== '') ?? null
  );
}

/** The version of the daemon behind a socket, or undefined when none answers. */
export async function dockerVersion(socketPath: string): Promise<string | undefined> {
  const api = new DockerApi(socketPath);
  try {
    return await api.version();
  } catch {
    return undefined;
  } finally {
    await api.close();
  }
}

/** Images that containers can use without a pull. Throws when the daemon does not answer. */
export async function dockerImages(socketPath: string): Promise<readonly string[]> {
  const api = new DockerApi(socketPath);
  try {
    return await api.images();
  } finally {
    await api.close();
  }
}
