// Several schedulers and web servers on one home, and what their judges need: jobs leave a mark each time they run.
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation, type Scheduler, type Web } from '../support/processes.js';
import { waitFor } from '../support/waiting.js';

export const PROCESS_NODE = [
  '--tasks',
  'process',
  '--agents',
  '1',
  '--cpus',
  '16',
  '--mem',
  '16000',
];

export interface Stage {
  readonly installation: Installation;
  readonly webs: readonly [Web, Web];
  readonly schedulers: Scheduler[];
  readonly marks: string;
}

/** Two schedulers, two web servers, one node. */
export async function stageOf(t: Test, node: readonly string[]): Promise<Stage> {
  const folder = temporaryFolder(t, 'standby');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  const marks = join(folder, 'marks');
  mkdirSync(home, { mode: 0o711 });
  mkdirSync(marks);
  chmodSync(marks, 0o777);
  const installation = new Installation(t, { home, mesosPort: await freePort() });
  // All at once on a fresh home: their first steps must not meet.
  const [one, two, ...schedulers] = await Promise.all([
    installation.web(),
    installation.web(),
    installation.scheduler(),
    installation.scheduler(),
  ]);
  await installation.node(node);
  for (const { url } of [one, two])
    await waitFor('the web server is ready', 30_000, async () => (await fetch(`${url}/readyz`)).ok);
  return { installation, webs: [one, two], schedulers, marks };
}

/** Leaves one line for each time it really runs. */
export const script = (marks: string, n: number): string =>
  `#!/bin/sh\necho "$(date +%s%N)" >> ${marks}/ran.$GODOCKER_JID\nsleep 0.1\nexit ${n % 5}\n`;

/** When (Unix milliseconds) each run of a job began. */
export function runsOf(marks: string, id: number): readonly number[] {
  const file = join(marks, `ran.${id}`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.filter(Boolean).map((nanoseconds) => Number(nanoseconds) / 1e6);
}

export const firstRun = (marks: string, id: number): Promise<number> =>
  waitFor(`job ${id} runs`, 60_000, () => runsOf(marks, id)[0], 20);

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

export const figures = (values: readonly number[]): string =>
  `median ${Math.round(median(values))}, worst ${Math.round(Math.max(...values))} of ${values.length}`;
