// `submit`: submissions a second over REST, each answered only when durable. Floor: the store alone, in the same run.
import { setTimeout as sleep } from 'node:timers/promises';
import { startService } from '../test/support/service.js';
import { type Figure, median, rate } from './figure.js';
import { inScope } from './scope.js';
import { storeSubmit } from './store.js';

const CONNECTIONS = 32;
const ROUNDS = 3;
const ROUND_MS = 2_000;

export async function submit(): Promise<Figure> {
  const floor = (await storeSubmit()).value;
  const value = await inScope(async (scope) => {
    // No agent fits these jobs, so that launches do not take part in the measurement.
    const { client } = await startService(scope, {
      env: { GODOCKER_LOCAL_CPUS: '0.1', GODOCKER_REFUSE_IMPOSSIBLE: 'false' },
    });
    const document = await client.document('#!/bin/sh\ntrue\n', { name: 'bench', cpu: 1 });
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const begin = performance.now();
      let stored = 0;
      const connection = async () => {
        while (performance.now() - begin < ROUND_MS) {
          await client.post('/api/1.0/task', document);
          stored += 1;
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, connection));
      rounds.push(stored / ((performance.now() - begin) / 1_000));
      await sleep(200);
    }
    return median(rounds);
  });
  return rate('submit', value, floor);
}
