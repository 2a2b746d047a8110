/** What runs tasks: plain processes, Docker containers, or nothing at all. One interface, three implementations. */
import type { TaskInfo } from '../mesos/messages.js';

/** One task to run. Everything in it survives a restart of the node. */
export interface Launch {
  /** A random id of this launch; names the container, the sandbox and the records of it. */
  readonly containerId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly info: TaskInfo;
  /** Memory granted, in megabytes, and cpu in thousandths. */
  readonly memMb: number;
  readonly cpuMilli: number;
  /** The kernel's boot id when it was launched: after a reboot no process of it can live. */
  readonly bootId: string;
}

/** How a task ended. */
export type End =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: number }
  | { readonly kind: 'out-of-memory'; readonly code: number }
  /** It never ran: the image, the sandbox or the container could not be had. */
  | { readonly kind: 'launch-failed'; readonly message: string }
  /** It never ran: the account it should run as does not exist here. */
  | { readonly kind: 'no-account'; readonly message: string }
  /** Whoever watched it is gone, and so is its exit code. */
  | { readonly kind: 'lost'; readonly message: string };

export type ContainerEvent =
  | { readonly kind: 'starting'; readonly containerId: string }
  | {
      readonly kind: 'started';
      readonly containerId: string;
      readonly pid: number | null;
      /** Address of the container, where it has one of its own. */
      readonly ip: string | null;
      /** Base64 of what the update's `data` says, or null. */
      readonly data: string | null;
      /** How long it had run already when this node found it; absent: it has just begun. */
      readonly ranMs?: number;
    }
  | { readonly kind: 'ended'; readonly containerId: string; readonly end: End };

export type ContainerListener = (event: ContainerEvent) => void;

export interface Containerizer {
  readonly name: 'process' | 'docker' | 'simulate';
  /** What ended, in the update's message: `Command exited with status 1`. */
  readonly noun: 'Command' | 'Container';
  start(listener: ContainerListener): Promise<void>;
  /** Returns at once; whatever happens comes as events. */
  launch(launch: Launch): void;
  /** SIGTERM now, SIGKILL after `graceMs`. A second call may shorten the grace, never lengthen it. */
  kill(containerId: string, graceMs: number): void;
  /** Finds launches of a former life of the node; each gets a `started` or an `ended` event, sooner or later. */
  recover(launches: readonly Launch[]): Promise<void>;
  /** The end was acknowledged: what is left of the task may go. */
  forget(containerId: string): void;
  /** All tasks end now, each as it would have ended later. Only where nothing runs really. */
  endAll?(): void;
  /** Lets go of running tasks without ending them. */
  stop(): Promise<void>;
}
