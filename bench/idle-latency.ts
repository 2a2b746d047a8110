// `idle-latency`: from the answer of a submission to the running script on an idle system, in process mode. Floor: a
// shell started directly, from the call to its first command.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startService } from '../test/support/service.js';
import { duration, type Figure, median } from './figure.js';
import { inScope } from './scope.js';

const JOBS = 30;
/** Long enough for the last job's end to be stored and its offer to return. */
const PAUSE_MS = 300;
/** Prints the wall clock in nanoseconds; the first thing a job does. */
const CLOCK = 'date +%s%N';

const nowMs = (): number => performance.timeOrigin + performance.now();
const clockMs = (nanoseconds: string): number => Number(nanoseconds.trim()) / 1e6;

export async function idleLatency(): Promise<Figure> {
  const floors: number[] = [];
  for (let n = 0; n < JOBS; n++) {
    const askedMs = nowMs();
    const { stdout } = await promisify(execFile)('sh', ['-c', CLOCK]);
    floors.push(clockMs(stdout) - askedMs);
  }
  const values = await inScope(async (scope) => {
    const { client } = await startService(scope);
    const found: number[] = [];
    for (let n = 0; n < JOBS; n++) {
      const id = await client.submit(`#!/bin/sh\n${CLOCK}\n`, { name: 'latency' });
      const answeredMs = nowMs();
      await client.over(id);
      found.push(clockMs(await client.file(id, 'god.log')) - answeredMs);
      await sleep(PAUSE_MS);
    }
    return found;
  });
  return duration('idle-latency', median(values), median(floors));
}
