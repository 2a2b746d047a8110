// `dispatch`: full lives of jobs a second, from their launch until their end is stored, against simulated agents. Floor:
// our framework alone on the same agents, with nothing stored, decided or written to a job directory.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, ClusterOffer, TaskOrder } from '../src/contracts/cluster.js';
import { SILENT } from '../src/contracts/log.js';
import { jobId, taskIdOf } from '../src/core/units.js';
import { systemClock, systemRandom, systemTimers } from '../src/host/system.js';
import { PROTOBUF_TYPE } from '../src/mesos/codec.js';
import { MesosFramework } from '../src/mesos/framework.js';
import { UndiciTransport } from '../src/mesos/transport.js';
import { type LocalMesos, startLocalMesos } from '../test/support/local-mesos.js';
import { freePort, type Scope, temporaryFolder } from '../test/support/places.js';
import type { JobDocument, RestClient } from '../test/support/rest.js';
import { startService } from '../test/support/service.js';
import { type Figure, rate } from './figure.js';
import { inScope } from './scope.js';

const JOBS = 3_000;
const AGENTS = ['--agents', '50', '--cpus', '32', '--mem', '64000'];
const CONNECTIONS = 16;
const OVER_MS_MAX = 180_000;

export async function dispatch(): Promise<Figure> {
  const floor = await inScope(bareLivesPerSecond);
  const value = await inScope(serviceLivesPerSecond);
  return rate('dispatch', value, floor);
}

/** Jobs wait in the queue before there is a master, so that submissions are no part of the time. */
async function serviceLivesPerSecond(scope: Scope): Promise<number> {
  const port = await freePort();
  const config = join(temporaryFolder(scope, 'dispatch'), 'godocker.yaml');
  writeFileSync(config, 'allow_user_images: true\n');
  const { client } = await startService(scope, {
    args: ['--config', config],
    env: { GODOCKER_MESOS_MASTER: `127.0.0.1:${port}` },
    isReadyAwaited: false,
  });
  const ids = await submitMany(client);
  await startLocalMesos(scope, ['--tasks', 'simulate', '--insecure', ...AGENTS], port);
  const jobs = await allOver(client, ids);
  const startedAt = Math.min(...jobs.map(({ status }) => status.date_running ?? Number.NaN));
  const endedAt = Math.max(...jobs.map(({ status }) => status.date_over ?? Number.NaN));
  return JOBS / (endedAt - startedAt);
}

async function submitMany(client: RestClient): Promise<readonly number[]> {
  const document = await client.document('#!/bin/sh\ntrue\n', { cpu: 1, image: 'simulated' });
  const ids: number[] = [];
  const connection = async () => {
    while (ids.length < JOBS) {
      const place = ids.push(0) - 1;
      const { id } = (await client.post('/api/1.0/task', document)) as { readonly id: number };
      ids[place] = id;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  return ids;
}

/** The last jobs first: until they are over, nothing else is asked, since questions take time from the answers. */
async function allOver(
  client: RestClient,
  ids: readonly number[],
): Promise<readonly JobDocument[]> {
  const over: JobDocument[] = [];
  for (const id of [...ids].sort((a, b) => b - a)) over.push(await client.over(id, OVER_MS_MAX));
  return over;
}

async function bareLivesPerSecond(scope: Scope): Promise<number> {
  const node = await startLocalMesos(scope, ['--tasks', 'simulate', '--insecure', ...AGENTS]);
  const cluster = bareFramework(node);
  scope.teardown(() => cluster.stop());
  return new Promise((resolve, reject) => {
    const run = new BareRun(cluster, resolve);
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
        refused: (because) => reject(new Error(because)),
      })
      .catch(reject);
  });
}

const bareFramework = (node: LocalMesos): Cluster =>
  new MesosFramework({
    masters: [`127.0.0.1:${node.port}`],
    framework: {
      user: 'root',
      name: 'dispatch-floor',
      roles: ['*'],
      principal: null,
      secret: null,
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
  readonly #resolve: (perSecond: number) => void;

  constructor(cluster: Cluster, resolve: (perSecond: number) => void) {
    this.#cluster = cluster;
    this.#resolve = resolve;
  }

  use(offers: readonly ClusterOffer[]): void {
    if (this.#startedAt === 0) this.#startedAt = performance.now();
    const batches = offers.map((offer) => ({
      offerIds: [offer.id],
      orders: this.#orders(offer),
    }));
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
    if (this.#ended === JOBS) this.#resolve(JOBS / ((performance.now() - this.#startedAt) / 1_000));
  }

  #orders(offer: ClusterOffer): readonly TaskOrder[] {
    const room = Math.floor(offer.free.cpuMilli / 1_000);
    const many = Math.min(room, JOBS - this.#launched);
    return Array.from({ length: many }, () => anOrder(offer, ++this.#launched));
  }
}

const anOrder = (offer: ClusterOffer, n: number): TaskOrder => ({
  taskId: taskIdOf(jobId(n), 1),
  jobId: jobId(n),
  name: 'bench',
  agentId: offer.agentId,
  role: offer.role,
  needs: { cpuMilli: 1_000, memMb: 50, gpus: 0, ports: 0, custom: {} },
  ports: [],
  containerPorts: [],
  image: null,
  alwaysPull: false,
  isCpuCapped: false,
  volumes: [],
  hasNetwork: false,
  networkName: null,
  identity: { uid: 0, gid: 0, sgids: [], home: '/', email: null },
  isRoot: false,
  argv: ['/bin/true'],
  environment: {},
  labels: {},
  killGraceMs: 0,
  lifespanMs: null,
  credentialsFile: null,
  login: 'u',
});
