/** What an object must be able to do to be a plugin of its kind: asked once when it is made, not when a job needs it. */
import type { Contracts, PluginKind } from '../contracts/plugin.js';

/** Functions that the contract does not call optional. */
type Duties<Contract> = {
  [Part in keyof Contract]-?: undefined extends Contract[Part]
    ? never
    : Contract[Part] extends (...words: never[]) => unknown
      ? Part
      : never;
}[keyof Contract];

/** The compiler demands every duty of every contract. */
const DUTIES: { readonly [Kind in PluginKind]: Readonly<Record<Duties<Contracts[Kind]>, true>> } = {
  auth: { user: true, bindCredentials: true, bindApi: true, volumes: true },
  scheduler: { begin: true },
  executor: {
    start: true,
    stop: true,
    launch: true,
    decline: true,
    suppress: true,
    revive: true,
    kill: true,
    reconcile: true,
    acknowledge: true,
    resubscribe: true,
  },
  watcher: { whileRunning: true },
  storage: { prepare: true, exitFile: true },
  status: { beat: true, present: true, leave: true },
  network: { nameOf: true },
};

/** The functions that are missing; `made` is what a plugin's `create` returned. */
export function missingParts(kind: PluginKind, made: unknown): readonly string[] {
  const duties = Object.keys(DUTIES[kind]);
  if (typeof made !== 'object' || made === null) return duties;
  return duties.filter((duty) => typeof Reflect.get(made, duty) !== 'function');
}
