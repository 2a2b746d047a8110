/**
 * The node's own account of what it ran, for judges of others' promises: one line of JSON in a file for each launch and
 * each end, written when it happens. Unlike the pages it survives the node and is never cut.
 */
import { appendFileSync } from 'node:fs';
import type { Clock } from '../contracts/clock.js';
import type { Containerizer, Launch } from './containerizer.js';

/** One line. `at`: Unix milliseconds by the node's clock. */
export type LaunchLine =
  | {
      readonly what: 'launched';
      readonly at: number;
      readonly taskId: string;
      readonly agentId: string;
      readonly containerId: string;
    }
  | { readonly what: 'ended'; readonly at: number; readonly containerId: string };

/** The containerizer, with every launch and end written down first. @throws what appending to the file throws. */
export function logged(inner: Containerizer, file: string, clock: Clock): Containerizer {
  const write = (line: LaunchLine) => appendFileSync(file, `${JSON.stringify(line)}\n`);
  return {
    name: inner.name,
    noun: inner.noun,
    start: (listener) =>
      inner.start((event) => {
        const { kind, containerId } = event;
        if (kind === 'ended') write({ what: 'ended', at: clock.now(), containerId });
        listener(event);
      }),
    launch: (launch: Launch) => {
      const { containerId, agentId, info } = launch;
      const taskId = info.task_id.value;
      write({ what: 'launched', at: clock.now(), taskId, agentId, containerId });
      inner.launch(launch);
    },
    kill: (containerId, graceMs) => inner.kill(containerId, graceMs),
    recover: (launches) => inner.recover(launches),
    forget: (containerId) => inner.forget(containerId),
    ...(inner.endAll === undefined ? {} : { endAll: () => inner.endAll?.() }),
    stop: () => inner.stop(),
  };
}
