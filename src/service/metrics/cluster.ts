/** Counts what goes to a cluster and what comes from it, on the way between the scheduler and the executor. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type {
  Cluster,
  ClusterListener,
  LaunchAnswer,
  LaunchBatch,
  TaskUpdate,
} from '../../contracts/cluster.js';
import type { OfferId } from '../../core/units.js';

export interface ClusterMetrics {
  /** The same cluster, counted. The last one of a name is the one whose offers are shown. */
  measured(cluster: Cluster): Cluster;
}

const COUNTERS = {
  offers_received: 'Offers that a cluster made us',
  offers_used: 'Offers that launches went out with',
  offers_declined: 'Offers that we gave back',
  offers_rescinded: 'Offers that the cluster took back',
  kills: 'Kills that we asked for, repeats included',
  agent_failures: 'Agents, or Mesos executors on them, that failed',
} as const;

interface State {
  readonly held: Set<OfferId>;
  isConnected: boolean;
  isSuppressed: boolean;
}

type Count = Readonly<Record<keyof typeof COUNTERS, (by?: number) => void>>;

interface Counts extends Count {
  launch(answer: LaunchAnswer, tasks: number): void;
  update(state: TaskUpdate['state']): void;
  reconciliation(kind: 'explicit' | 'implicit', tasks: number): void;
}

export function clusterMetrics(metrics: Registry): ClusterMetrics {
  const states = new Map<string, State>();
  const gauge = (name: string, help: string, of: (state: State) => number) =>
    new Gauge({
      name: `godocker_${name}`,
      help,
      labelNames: ['executor'] as const,
      registers: [metrics],
      collect() {
        for (const [executor, state] of states) this.set({ executor }, of(state));
      },
    });
  gauge('cluster_connected', '1 while the cluster has us subscribed', (state) =>
    Number(state.isConnected),
  );
  gauge('offers_held', 'Offers that we hold now', ({ held }) => held.size);
  gauge('offers_suppressed', '1 while we have asked for no more offers', (state) =>
    Number(state.isSuppressed),
  );
  const countsFor = counters(metrics);
  return {
    measured: (cluster) => {
      const state = { held: new Set<OfferId>(), isConnected: false, isSuppressed: false };
      states.set(cluster.name, state);
      return new MeasuredCluster(cluster, state, countsFor(cluster.name));
    },
  };
}

/** All labels that can be known stand at 0 from the beginning. */
function counters(metrics: Registry): (executor: string) => Counts {
  const counter = <L extends string>(name: string, help: string, labels: readonly L[]) =>
    new Counter({
      name: `godocker_${name}_total`,
      help,
      labelNames: ['executor', ...labels] as const,
      registers: [metrics],
    });
  const plain = Object.entries(COUNTERS).map(
    ([name, help]) => [name, counter(name, help, [])] as const,
  );
  const launches = counter('launches', 'Tasks sent out, by how the cluster answered', ['answer']);
  const updates = counter('task_updates', 'Reports on tasks, repeats included', ['state']);
  const rounds = counter('reconciliations', 'Questions about named tasks, or about all', ['kind']);
  const asked = counter('reconciled_tasks', 'Tasks named in questions about tasks', []);
  return (executor) => {
    const counts = Object.fromEntries(
      plain.map(([name, one]) => {
        one.inc({ executor }, 0);
        return [name, (by = 1) => one.inc({ executor }, by)];
      }),
    ) as Count;
    for (const answer of ['sent', 'refused', 'doubt']) launches.inc({ executor, answer }, 0);
    for (const kind of ['explicit', 'implicit']) rounds.inc({ executor, kind }, 0);
    asked.inc({ executor }, 0);
    return {
      ...counts,
      launch: (answer, tasks) => launches.inc({ executor, answer }, tasks),
      update: (state) => updates.inc({ executor, state }),
      reconciliation: (kind, tasks) => {
        rounds.inc({ executor, kind });
        asked.inc({ executor }, tasks);
      },
    };
  };
}

class MeasuredCluster implements Cluster {
  readonly #cluster: Cluster;
  readonly #state: State;
  readonly #counts: Counts;

  constructor(cluster: Cluster, state: State, counts: Counts) {
    this.#cluster = cluster;
    this.#state = state;
    this.#counts = counts;
  }

  get name(): string {
    return this.#cluster.name;
  }

  get features(): Cluster['features'] {
    return this.#cluster.features;
  }

  start(listener: ClusterListener): Promise<void> {
    return this.#cluster.start(this.#listening(listener));
  }

  stop(how?: { readonly isAtOnce: boolean }): Promise<void> {
    this.#away();
    return this.#cluster.stop(how);
  }

  async launch(batches: readonly LaunchBatch[]): Promise<readonly LaunchAnswer[]> {
    for (const { offerIds } of batches) {
      this.#gone(offerIds);
      this.#counts.offers_used(offerIds.length);
    }
    const answers = await this.#cluster.launch(batches);
    for (const [index, { orders }] of batches.entries())
      this.#counts.launch(answers[index] ?? 'doubt', orders.length);
    return answers;
  }

  decline(offerIds: readonly OfferId[], refuseMs: number): void {
    this.#gone(offerIds);
    this.#counts.offers_declined(offerIds.length);
    this.#cluster.decline(offerIds, refuseMs);
  }

  suppress(): void {
    this.#state.isSuppressed = true;
    this.#cluster.suppress();
  }

  revive(): void {
    this.#state.isSuppressed = false;
    this.#cluster.revive();
  }

  kill(task: Parameters<Cluster['kill']>[0]): void {
    this.#counts.kills();
    this.#cluster.kill(task);
  }

  reconcile(tasks: Parameters<Cluster['reconcile']>[0]): void {
    this.#counts.reconciliation(tasks.length === 0 ? 'implicit' : 'explicit', tasks.length);
    this.#cluster.reconcile(tasks);
  }

  acknowledge(update: TaskUpdate): void {
    this.#cluster.acknowledge(update);
  }

  resubscribe(because: string): void {
    this.#cluster.resubscribe(because);
  }

  #gone(offerIds: Iterable<OfferId>): void {
    for (const id of offerIds) this.#state.held.delete(id);
  }

  /** All offers are void, and a new subscription starts unsuppressed. */
  #away(): void {
    this.#state.isConnected = false;
    this.#state.isSuppressed = false;
    this.#state.held.clear();
  }

  #listening(listener: ClusterListener): ClusterListener {
    return {
      connected: (facts) => {
        this.#away();
        this.#state.isConnected = true;
        listener.connected(facts);
      },
      disconnected: (because) => {
        this.#away();
        listener.disconnected(because);
      },
      offers: (offers) => {
        for (const { id } of offers) this.#state.held.add(id);
        this.#counts.offers_received(offers.length);
        listener.offers(offers);
      },
      rescinded: (offerId) => {
        this.#gone([offerId]);
        this.#counts.offers_rescinded();
        listener.rescinded(offerId);
      },
      updated: (update) => {
        this.#counts.update(update.state);
        listener.updated(update);
      },
      agentFailed: (agentId) => {
        this.#counts.agent_failures();
        listener.agentFailed(agentId);
      },
      mayLeave: (request) => listener.mayLeave(request),
      refused: (because) => listener.refused(because),
    };
  }
}
