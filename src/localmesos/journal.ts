/**
 * What must survive a crash of the node: frameworks, live tasks, ends that nobody acknowledged yet. An append-only file
 * of JSON lines, rewritten at start and whenever it has grown far beyond what it holds. Lines reach the kernel, not the
 * disk: a crash of the machine ends all tasks anyway, and the boot id tells.
 */
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameworkInfo, TaskInfo, TaskStatus } from '../mesos/messages.js';
import type { Framework } from './framework.js';
import type { Task } from './task.js';

export interface Journal {
  framework(framework: Framework): void;
  removed(frameworkId: string): void;
  launched(task: Task): void;
  killWanted(task: Task, graceMs: number): void;
  /** The last update of a task, to be repeated after a crash. */
  ended(task: Task, status: TaskStatus): void;
  /** Its end was acknowledged. */
  settled(task: Task): void;
  /** Hands all lines to the kernel. Throws when it does not take them. */
  flush(): void;
  close(): void;
}

/** For tasks that nobody could find again anyway. */
export const NO_JOURNAL: Journal = {
  framework() {},
  removed() {},
  launched() {},
  killWanted() {},
  ended() {},
  settled() {},
  flush() {},
  close() {},
};

export interface KeptFramework {
  readonly id: string;
  readonly info: FrameworkInfo;
  readonly registeredAt: number;
}

export interface KeptTask {
  readonly containerId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  readonly executorId: string;
  readonly bootId: string;
  readonly info: TaskInfo;
  /** Set when a kill was asked for. */
  readonly killGraceMs: number | null;
  /** Set when it is over and the framework may not know yet. */
  readonly end: TaskStatus | null;
}

export interface Kept {
  readonly frameworks: Map<string, KeptFramework>;
  readonly removed: Set<string>;
  readonly tasks: Map<string, KeptTask>;
}

type Line =
  | { readonly k: 'framework'; readonly v: KeptFramework }
  | { readonly k: 'removed'; readonly id: string }
  | { readonly k: 'task'; readonly v: KeptTask }
  | { readonly k: 'kill'; readonly id: string; readonly graceMs: number }
  | { readonly k: 'end'; readonly id: string; readonly status: TaskStatus }
  | { readonly k: 'settled'; readonly id: string };

/** Ids of removed frameworks that are remembered. */
const REMOVED_MAX = 10_000;
/** The file is rewritten when this many bytes were appended since the last time. */
const REWRITE_BYTES = 32 * 1024 * 1024;

export function readJournal(folder: string): Kept {
  const kept: Kept = { frameworks: new Map(), removed: new Set(), tasks: new Map() };
  const path = pathIn(folder);
  if (!existsSync(path)) return kept;
  const lines = readFileSync(path, 'utf8').split('\n');
  // The last piece is empty, or a line that a crash cut short: what it says was never acted upon.
  for (const text of lines.slice(0, -1)) apply(kept, JSON.parse(text) as Line);
  return kept;
}

export class FileJournal implements Journal {
  readonly #folder: string;
  readonly #kept: Kept;
  readonly #later: (call: () => void) => void;
  readonly #failed: (error: unknown) => void;
  readonly #keepsTasks: boolean;
  #fd: number;
  #lines: string[] = [];
  #appended = 0;

  /**
   * @param later calls once the current turn is over
   * @param failed told when lines could not be written in the background; they are kept and tried again
   * @param keepsTasks false when tasks end with this process anyway
   */
  constructor(
    folder: string,
    kept: Kept,
    options: {
      later: (call: () => void) => void;
      failed: (error: unknown) => void;
      keepsTasks: boolean;
    },
  ) {
    this.#folder = folder;
    this.#kept = kept;
    this.#later = options.later;
    this.#failed = options.failed;
    this.#keepsTasks = options.keepsTasks;
    this.#fd = rewrite(folder, kept);
  }

  framework({ id, info, registeredAt }: Framework): void {
    this.#add({ k: 'framework', v: { id, info, registeredAt } });
  }

  removed(frameworkId: string): void {
    this.#add({ k: 'removed', id: frameworkId });
  }

  launched(task: Task): void {
    if (!this.#keepsTasks) return;
    const { containerId, framework, agent, role, executorId, bootId, info } = task;
    const v = {
      containerId,
      frameworkId: framework.id,
      agentId: agent.id,
      role,
      executorId,
      bootId,
    };
    this.#add({ k: 'task', v: { ...v, info, killGraceMs: null, end: null } });
  }

  killWanted(task: Task, graceMs: number): void {
    this.#add({ k: 'kill', id: task.containerId, graceMs });
  }

  ended(task: Task, status: TaskStatus): void {
    this.#add({ k: 'end', id: task.containerId, status });
  }

  settled(task: Task): void {
    this.#add({ k: 'settled', id: task.containerId });
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    if (this.#appended > REWRITE_BYTES) {
      const fd = rewrite(this.#folder, this.#kept);
      closeSync(this.#fd);
      this.#fd = fd;
      this.#appended = 0;
    } else {
      const bytes = Buffer.from(this.#lines.join(''));
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
      this.#appended += bytes.length;
    }
    this.#lines = [];
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }

  #add(line: Line): void {
    if (!this.#keepsTasks && line.k !== 'framework' && line.k !== 'removed') return;
    apply(this.#kept, line);
    this.#lines.push(`${JSON.stringify(line)}\n`);
    if (this.#lines.length > 1) return;
    this.#later(() => {
      try {
        this.flush();
      } catch (error) {
        this.#failed(error);
      }
    });
  }
}

const pathIn = (folder: string): string => join(folder, 'journal.ndjson');

function apply(kept: Kept, line: Line): void {
  switch (line.k) {
    case 'framework':
      kept.frameworks.set(line.v.id, line.v);
      break;
    case 'removed':
      kept.frameworks.delete(line.id);
      kept.removed.add(line.id);
      break;
    case 'task':
      kept.tasks.set(line.v.containerId, line.v);
      break;
    case 'kill':
      change(kept, line.id, { killGraceMs: line.graceMs });
      break;
    case 'end':
      change(kept, line.id, { end: line.status });
      break;
    case 'settled':
      kept.tasks.delete(line.id);
      break;
  }
}

function change(kept: Kept, id: string, change: Partial<KeptTask>): void {
  const task = kept.tasks.get(id);
  if (task !== undefined) kept.tasks.set(id, { ...task, ...change });
}

/** Writes the file anew, by rename, and leaves it open for appending. */
function rewrite(folder: string, kept: Kept): number {
  const lines: Line[] = [
    ...[...kept.frameworks.values()].map((v) => ({ k: 'framework' as const, v })),
    ...[...kept.removed].slice(-REMOVED_MAX).map((id) => ({ k: 'removed' as const, id })),
    ...[...kept.tasks.values()].map((v) => ({ k: 'task' as const, v })),
  ];
  const path = pathIn(folder);
  const fd = openSync(`${path}.new`, 'w', 0o600);
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  renameSync(`${path}.new`, path);
  return fd;
}
