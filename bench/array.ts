// `array-1m`: how long a job array of a million members takes to be accepted over REST, durable. Floor: one plain job, in the same run.
import { startService } from '../test/support/service.js';
import { duration, type Figure, median } from './figure.js';
import { inScope } from './scope.js';

const ROUNDS = 21;

export async function array1m(): Promise<Figure> {
  return inScope(async (scope) => {
    // No agent fits these jobs, so that launches do not take part in the measurement.
    const { client } = await startService(scope, {
      env: { GODOCKER_LOCAL_CPUS: '0.1', GODOCKER_REFUSE_IMPOSSIBLE: 'false' },
    });
    const plain = await client.document('#!/bin/sh\ntrue\n', { name: 'bench', cpu: 1 });
    const array = {
      ...plain,
      requirements: { ...requirementsOf(plain), array: { values: '1000000' } },
    };
    const took = async (document: object): Promise<number> => {
      const begin = performance.now();
      await client.post('/api/1.0/task', document);
      return performance.now() - begin;
    };
    const arrays: number[] = [];
    const jobs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      jobs.push(await took(plain));
      arrays.push(await took(array));
    }
    console.error(`array-1m: slowest of ${ROUNDS} arrays ${Math.max(...arrays).toFixed(1)} ms`);
    return duration('array-1m', median(arrays), median(jobs));
  });
}

const requirementsOf = (document: object): object =>
  'requirements' in document && typeof document.requirements === 'object'
    ? { ...document.requirements }
    : {};
