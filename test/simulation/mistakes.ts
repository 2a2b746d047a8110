/** Real mistakes that schedulers have made, as switches for tests: the simulation must find each of them. */
import type { Cluster } from '../../src/contracts/cluster.js';
import type { JobStore } from '../../src/contracts/store.js';
import type { Transport } from '../../src/mesos/transport.js';
import type { SimTime } from './time.js';

export interface Mistake {
  readonly name: string;
  readonly store?: (store: JobStore, time: SimTime) => JobStore;
  readonly transport?: (transport: Transport) => Transport;
  readonly cluster?: (cluster: Cluster) => Cluster;
  readonly forgetsFrameworkId?: boolean;
}
