/** Runs nothing: tasks end after `simulate.ms` with `simulate.exit`, both labels of the task. For load tests. */
import type { Timer, Timers } from '../contracts/clock.js';
import type { TaskInfo } from '../mesos/messages.js';
import type { Containerizer, ContainerListener, End, Launch } from './containerizer.js';

export class SimulatingContainerizer implements Containerizer {
  readonly name = 'simulate';
  readonly noun = 'Command';
  readonly #timers: Timers;
  readonly #lastsMs: number;
  readonly #running = new Map<string, { readonly end: End; readonly timer: Timer | null }>();
  #listener: ContainerListener = () => {};

  /** @param lastsMs how long tasks last that do not say. */
  constructor(timers: Timers, lastsMs = 0) {
    this.#timers = timers;
    this.#lastsMs = lastsMs;
  }

  async start(listener: ContainerListener): Promise<void> {
    this.#listener = listener;
  }

  launch({ containerId, info }: Launch): void {
    this.#listener({ kind: 'starting', containerId });
    this.#listener({ kind: 'started', containerId, pid: null, ip: null, data: null });
    const lastsMs = numberLabel(info, 'simulate.ms', this.#lastsMs);
    const end: End = { kind: 'exited', code: numberLabel(info, 'simulate.exit') };
    const timer =
      lastsMs > 0 ? this.#timers.after(lastsMs, () => this.#end(containerId, end)) : null;
    this.#running.set(containerId, { end, timer });
    if (timer === null) this.#timers.soon(() => this.#end(containerId, end));
  }

  kill(containerId: string): void {
    this.#running.get(containerId)?.timer?.cancel();
    this.#end(containerId, { kind: 'signaled', signal: 15 });
  }

  /** Nothing outlives this process. */
  async recover(launches: readonly Launch[]): Promise<void> {
    for (const { containerId } of launches) {
      const end: End = { kind: 'lost', message: 'Executor terminated' };
      this.#listener({ kind: 'ended', containerId, end });
    }
  }

  endAll(): void {
    for (const [containerId, { end, timer }] of [...this.#running]) {
      timer?.cancel();
      this.#end(containerId, end);
    }
  }

  forget(): void {}

  async stop(): Promise<void> {
    for (const { timer } of this.#running.values()) timer?.cancel();
    this.#running.clear();
  }

  #end(containerId: string, end: End): void {
    if (this.#running.delete(containerId)) this.#listener({ kind: 'ended', containerId, end });
  }
}

function numberLabel(info: TaskInfo, key: string, otherwise = 0): number {
  const value = info.labels?.labels?.find((label) => label.key === key)?.value;
  const number = Number(value ?? otherwise);
  return Number.isFinite(number) && number >= 0 ? number : 0;
}
