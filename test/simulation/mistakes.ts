/** Real mistakes that schedulers have made, as switches for tests: the simulation must find each of them. */
import type {
  Cluster,
  ClusterFeature,
  ClusterListener,
  LaunchAnswer,
  LaunchBatch,
  TaskUpdate,
} from '../../src/contracts/cluster.js';
import type { JobStep, Lease, StepAnswer } from '../../src/contracts/store.js';
import type { OfferId } from '../../src/core/units.js';
import type { SchedulerStore } from '../../src/daemon/ports.js';
import type { Transport } from '../../src/mesos/transport.js';
import type { SimTime } from './time.js';

export interface Mistake {
  readonly name: string;
  readonly store?: (store: SchedulerStore, time: SimTime) => SchedulerStore;
  readonly transport?: (transport: Transport) => Transport;
  readonly cluster?: (cluster: Cluster) => Cluster;
  readonly forgetsFrameworkId?: boolean;
}

/** What a mistake does to each update on its way up; `further` passes it on. */
type Meddling = (
  update: TaskUpdate,
  cluster: Cluster,
  further: (update: TaskUpdate) => void,
) => void;

class MeddledCluster implements Cluster {
  readonly name: string;
  readonly features: readonly ClusterFeature[];
  readonly #real: Cluster;
  readonly #meddle: Meddling;

  constructor(real: Cluster, meddle: Meddling) {
    this.name = real.name;
    this.features = real.features;
    this.#real = real;
    this.#meddle = meddle;
  }

  start(listener: ClusterListener): Promise<void> {
    return this.#real.start({
      connected: (facts) => listener.connected(facts),
      disconnected: (because) => listener.disconnected(because),
      offers: (offers) => listener.offers(offers),
      rescinded: (id) => listener.rescinded(id),
      updated: (update) => this.#meddle(update, this.#real, (one) => listener.updated(one)),
      agentFailed: (id) => listener.agentFailed(id),
      mayLeave: (request) => listener.mayLeave(request),
      refused: (because) => listener.refused(because),
    });
  }

  stop(): Promise<void> {
    return this.#real.stop();
  }
  launch(batches: readonly LaunchBatch[]): Promise<readonly LaunchAnswer[]> {
    return this.#real.launch(batches);
  }
  decline(offerIds: readonly OfferId[], refuseMs: number): void {
    this.#real.decline(offerIds, refuseMs);
  }
  suppress(): void {
    this.#real.suppress();
  }
  revive(): void {
    this.#real.revive();
  }
  kill(task: Parameters<Cluster['kill']>[0]): void {
    this.#real.kill(task);
  }
  reconcile(tasks: Parameters<Cluster['reconcile']>[0]): void {
    this.#real.reconcile(tasks);
  }
  acknowledge(update: TaskUpdate): void {
    this.#real.acknowledge(update);
  }
  resubscribe(because: string): void {
    this.#real.resubscribe(because);
  }
}

const meddled = (meddle: Meddling) => (cluster: Cluster) => new MeddledCluster(cluster, meddle);

/** Takes one state for another. */
const mistaken = (from: TaskUpdate['state'], to: TaskUpdate['state']) =>
  meddled((update, _, further) =>
    further(update.state === from ? { ...update, state: to } : update),
  );

/** The store with another `advance`. */
const advancing = (
  store: SchedulerStore,
  advance: (epoch: number, steps: readonly JobStep[]) => Promise<readonly StepAnswer[]>,
): SchedulerStore =>
  new Proxy(store, {
    get: (target, name: keyof SchedulerStore) => (name === 'advance' ? advance : target[name]),
  });

/** The store, telling other things of what jobs wait for. */
const misread =
  <Name extends 'standings' | 'pending' | 'namesakes'>(
    name: Name,
    answer: (store: SchedulerStore) => SchedulerStore[Name],
  ): NonNullable<Mistake['store']> =>
  (store) =>
    new Proxy(store, {
      get: (target, asked: keyof SchedulerStore) =>
        asked === name ? answer(store) : target[asked],
    });

export const MISTAKES: readonly Mistake[] = [
  {
    name: 'a job that runs counts as ended well for those that depend on it',
    store: misread('standings', (store) => async (ids) => {
      const found = await store.standings(ids);
      return new Map(
        [...found].map(([id, one]) => [
          id,
          one.hasStarted && one.state !== 'over' ? { ...one, state: 'over', exitCode: 0 } : one,
        ]),
      );
    }),
  },
  {
    name: 'dates and turns are forgotten at a takeover',
    store: misread('pending', (store) => async (query) => {
      const rows = await store.pending(query);
      return rows.map((row) => {
        const { waits, ...rest } = row;
        return query.submittedSince === undefined && query.after === null ? rest : row;
      });
    }),
  },
  {
    name: 'jobs of one name are not looked for',
    store: misread('namesakes', () => async () => []),
  },
  {
    name: 'an update is acknowledged before it is stored',
    cluster: meddled((update, cluster, further) => {
      if (update.receipt !== null) cluster.acknowledge(update);
      further(update);
    }),
  },
  {
    name: 'the command goes out before its intent is stored',
    store: (store, time) =>
      advancing(store, async (epoch, steps) => {
        if (!steps.every(({ to }) => to.state === 'launching')) return store.advance(epoch, steps);
        time.after(200, () => void store.advance(epoch, steps).catch(() => undefined));
        return steps.map(({ to }) => ({ kind: 'stored', version: to.version + 1 }));
      }),
  },
  {
    name: 'an ACCEPT in doubt is repeated',
    transport: (transport) => ({
      subscribe: (post, listener) => transport.subscribe(post, listener),
      renew: () => transport.renew(),
      close: () => transport.close(),
      call: async (lane, post) => {
        const answer = await transport.call(lane, post);
        return lane === 'launches' && answer.kind === 'unanswered'
          ? transport.call(lane, post)
          : answer;
      },
    }),
  },
  { name: 'the framework id is forgotten', forgetsFrameworkId: true },
  {
    name: 'a leader never learns that another has taken over',
    store: (store) =>
      new Proxy(store, {
        get: (target, name: keyof SchedulerStore) => {
          // It renews without looking, and writes under whatever epoch is in force.
          if (name === 'beatLease') return async (lease: Lease) => lease;
          if (name === 'advance')
            return async (epoch: number, steps: readonly JobStep[]) =>
              store.advance((await store.lease())?.epoch ?? epoch, steps);
          return target[name];
        },
      }),
  },
  {
    name: 'a repeated update kills a healthy task',
    cluster: (cluster) => {
      const seen = new Set<string>();
      return meddled((update, real, further) => {
        const { taskId, agentId, state } = update;
        if (state === 'running' && seen.has(taskId)) real.kill({ taskId, agentId, graceMs: 0 });
        seen.add(taskId);
        further(update);
      })(cluster);
    },
  },
  { name: 'unreachable counts as lost', cluster: mistaken('unreachable', 'lost') },
  { name: 'lost agents get no grace', cluster: mistaken('lost', 'gone-by-operator') },
  { name: 'exit codes are lost', cluster: mistaken('failed', 'finished') },
];
