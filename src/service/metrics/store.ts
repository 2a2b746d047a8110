/** How long the store takes for each operation, seen from the process that asks. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Store } from '../../contracts/store.js';
import { systemClock } from '../../host/system.js';

/** From what is in memory to what waits for a lock of a slow disk, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

type Call = (...args: readonly unknown[]) => unknown;

export interface StoreMetrics {
  /** The same store, with each call that answers later timed. */
  measured(store: Store): Store;
}

export function storeMetrics(metrics: Registry): StoreMetrics {
  const labelNames = ['operation'] as const;
  const seconds = new Histogram({
    name: 'godocker_store_operation_seconds',
    help: 'Time until the store answered a call of this process, failures included',
    labelNames,
    buckets: BUCKETS,
    registers: [metrics],
  });
  const failures = new Counter({
    name: 'godocker_store_failures_total',
    help: 'Calls that the store did not carry out: it was away, or our leadership was over',
    labelNames,
    registers: [metrics],
  });
  const timed = (operation: string, call: Call, store: Store): Call => {
    // Found once: a call costs two looks at the clock and one bucket.
    const took = seconds.labels(operation);
    const failed = failures.labels(operation);
    failed.inc(0);
    return (...args) => {
      const startMs = systemClock.monotonicMs();
      const answer = Reflect.apply(call, store, args);
      if (answer instanceof Promise) {
        const observe = () => took.observe((systemClock.monotonicMs() - startMs) / 1_000);
        // Beside the caller, who gets the answer, or the failure, as it is.
        answer.then(observe, () => {
          observe();
          failed.inc();
        });
      }
      return answer;
    };
  };
  return {
    measured: (store) => {
      const calls = new Map<PropertyKey, Call>();
      return new Proxy(store, {
        get(target, name) {
          const known = calls.get(name);
          if (known !== undefined) return known;
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          const call = timed(String(name), value as Call, target);
          calls.set(name, call);
          return call;
        },
      });
    },
  };
}
