// The floor of `dispatch`: our framework alone. It fills every offer and acknowledges every update, with the same orders as the
// service sends, but decides nothing, stores nothing and makes no job directories.
import type { Cluster, ClusterOffer, TaskOrder } from '../src/contracts/cluster.js';
import { SILENT } from '../src/contracts/log.js';
import type { LaunchingJob } from '../src/core/job.js';
import { NEVER_RETRIED } from '../src/core/retry.js';
import { instant, jobId, taskIdOf } from '../src/core/units.js';
import { taskOrder, USUAL_CONTAINERS } from '../src/daemon/task-order.js';
import { systemClock, systemRandom, systemTimers } from '../src/host/system.js';
import { PROTOBUF_TYPE } from '../src/mesos/codec.js';
import { MesosFramework } from '../src/mesos/framework.js';
import { UndiciTransport } from '../src/mesos/transport.js';
import type { Scope } from '../test/support/places.js';
import { aJob } from './job.js';

export interface BareLoopOptions {
  readonly port: number;
  readonly credential: { readonly principal: string; readonly secret: string };
  readonly jobs: number;
  /** The end of a job was acknowledged. */
  readonly ended: () => void;
}

/** Resolves after the last end, with the instant of the first offer on the clock of `performance.now`. */
export function bareLoop(scope: Scope, options: BareLoopOptions): Promise<number> {
  const cluster = bareFramework(options);
  scope.teardown(() => cluster.stop());
  return new Promise((resolve, reject) => {
    const run = new BareRun(cluster, options, resolve);
    cluster
      .start({
        connected() {},
        disconnected: (because) => reject(new Error(because)),
        offers: (offers) => run.use(offers),
        rescinded() {},
        updated(update) {
          cluster.acknowledge(update);
          if (update.state === 'finished') run.ended();
        },
        agentFailed() {},
        mayLeave: () => ({ kind: 'yes' }),
        refused: (because) => reject(new Error(because)),
      })
      .catch(reject);
  });
}

const bareFramework = ({ port, credential }: BareLoopOptions): Cluster =>
  new MesosFramework({
    masters: [`127.0.0.1:${port}`],
    framework: {
      user: 'root',
      name: 'dispatch-floor',
      roles: ['*'],
      ...credential,
      failoverTimeoutMs: 0,
      hostname: null,
      webuiUrl: null,
      labels: {},
    },
    mediaType: PROTOBUF_TYPE,
    tasks: { network: 'BRIDGE' },
    memory: { load: async () => null, save: async () => {} },
    ports: {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      log: SILENT,
      transport: new UndiciTransport(),
    },
  });

/** Fills every offer with tasks of one cpu until all were launched. */
class BareRun {
  #launched = 0;
  #ended = 0;
  #startedAt = 0;
  readonly #cluster: Cluster;
  readonly #jobs: number;
  readonly #tell: () => void;
  readonly #resolve: (startedMs: number) => void;

  constructor(
    cluster: Cluster,
    { jobs, ended }: BareLoopOptions,
    resolve: (startedMs: number) => void,
  ) {
    this.#cluster = cluster;
    this.#jobs = jobs;
    this.#tell = ended;
    this.#resolve = resolve;
  }

  use(offers: readonly ClusterOffer[]): void {
    if (this.#startedAt === 0) this.#startedAt = performance.now();
    const batches = offers.map((offer) => ({ offerIds: [offer.id], orders: this.#orders(offer) }));
    const used = batches.filter(({ orders }) => orders.length > 0);
    const left = batches.filter(({ orders }) => orders.length === 0);
    void this.#cluster.launch(used);
    if (left.length > 0)
      this.#cluster.decline(
        left.flatMap(({ offerIds }) => offerIds),
        60_000,
      );
  }

  ended(): void {
    this.#ended += 1;
    this.#tell();
    if (this.#ended === this.#jobs) this.#resolve(this.#startedAt);
  }

  #orders(offer: ClusterOffer): readonly TaskOrder[] {
    const room = Math.floor(offer.free.cpuMilli / 1_000);
    const many = Math.min(room, this.#jobs - this.#launched);
    return Array.from({ length: many }, () => anOrder(offer, ++this.#launched));
  }
}

function anOrder({ agentId, role }: ClusterOffer, n: number): TaskOrder {
  const { owner, project, identity, spec, submittedAt } = aJob(n);
  const id = jobId(n);
  const job: LaunchingJob = {
    ...{ id, owner, project, identity, spec, submittedAt },
    state: 'launching',
    launches: 1,
    faults: [],
    retried: NEVER_RETRIED,
    directory: `/var/lib/godocker/shared/tasks/pairtree_root/${n}/task`,
    killWanted: null,
    version: 2,
    placement: {
      ...{ taskId: taskIdOf(id, 1), executor: 'mesos', agentId, host: 'bench' },
      placedAt: instant(0),
      ports: [],
    },
  };
  return taskOrder(job, {
    mode: 'container',
    installation: 'bench',
    role,
    containers: USUAL_CONTAINERS,
  });
}
