/** Our own framework on our own node: the whole way of a task over real sockets, in both encodings. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type {
  ClusterListener,
  ClusterOffer,
  TaskOrder,
  TaskUpdate,
} from '../../src/contracts/cluster.js';
import { SILENT } from '../../src/contracts/log.js';
import { agentId, instant, jobId, taskIdOf } from '../../src/core/units.js';
import { startLocalNode } from '../../src/localmesos/index.js';
import { JSON_TYPE, type MediaType, PROTOBUF_TYPE } from '../../src/mesos/codec.js';
import { MesosFramework } from '../../src/mesos/framework.js';
import { UndiciTransport } from '../../src/mesos/transport.js';

const CREDENTIAL = { principal: 'godocker', secret: 'not told' };

class Ear implements ClusterListener {
  readonly offered: ClusterOffer[] = [];
  readonly updates: TaskUpdate[] = [];
  isConnected = false;
  refusal: string | null = null;
  heard: (update: TaskUpdate) => void = () => {};

  connected(): void {
    this.isConnected = true;
    this.offered.length = 0;
  }
  disconnected(): void {
    this.isConnected = false;
  }
  offers(offers: readonly ClusterOffer[]): void {
    this.offered.push(...offers);
  }
  rescinded(): void {}
  updated(update: TaskUpdate): void {
    this.updates.push(update);
    this.heard(update);
  }
  agentFailed(): void {}
  mayLeave(): { kind: 'yes' } {
    return { kind: 'yes' };
  }
  refused(because: string): void {
    this.refusal = because;
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + 15_000;
    while (!holds()) {
      if (Date.now() > deadline) throw new Error(`waited for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

const ports = {
  clock: { now: () => instant(Date.now()), monotonicMs: () => performance.now() },
  timers: {
    after: (delayMs: number, call: () => void) => {
      const timer = setTimeout(call, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    soon: (call: () => void) => {
      setImmediate(call);
    },
  },
  random: Math.random,
  log: SILENT,
};

interface Stage {
  readonly framework: MesosFramework;
  readonly ear: Ear;
}

async function aStage(t: Test, mediaType: MediaType): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-framework-'));
  const node = await startLocalNode({
    port: 0,
    containerizer: 'process',
    stateDir: join(folder, 'state'),
    credential: CREDENTIAL,
    cpus: 64,
    memMb: 64_000,
  });
  const framework = new MesosFramework({
    masters: [`127.0.0.1:${node.port}`],
    mediaType,
    framework: {
      user: 'nobody',
      name: 'GoDocker',
      roles: ['*'],
      ...CREDENTIAL,
      failoverTimeoutMs: 60_000,
      hostname: null,
      webuiUrl: null,
      labels: {},
    },
    tasks: { network: 'HOST' },
    memory: { load: async () => null, save: async () => {} },
    ports: { ...ports, transport: new UndiciTransport() },
  });
  const ear = new Ear();
  ear.heard = (update) => {
    if (update.receipt !== null) framework.acknowledge(update);
  };
  t.teardown(async () => {
    await framework.stop();
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await framework.start(ear);
  await ear.until(() => ear.offered.length > 0, 'an offer');
  return { framework, ear };
}

function anOrder(n: number, agent: string, script: string): TaskOrder {
  return {
    taskId: taskIdOf(jobId(n), 1),
    jobId: jobId(n),
    name: `job ${n}`,
    agentId: agentId(agent),
    role: '*',
    needs: { cpuMilli: 50, memMb: 10, gpus: 0, ports: 0, custom: {} },
    ports: [],
    containerPorts: [],
    image: null,
    alwaysPull: false,
    isCpuCapped: false,
    volumes: [],
    hasNetwork: true,
    networkName: null,
    identity: {
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      sgids: [],
      home: '/',
      email: null,
    },
    isRoot: false,
    argv: ['/bin/sh', '-c', script],
    environment: { GODOCKER_JID: String(n) },
    labels: {},
    killGraceMs: 1_000,
    lifespanMs: null,
    credentialsFile: null,
    login: 'u',
  };
}

for (const mediaType of [PROTOBUF_TYPE, JSON_TYPE] as const) {
  test(`tasks by ${mediaType}`, { timeout: 60_000 }, async (t) => {
    const { framework, ear } = await aStage(t, mediaType);
    const launch = async (orders: (agent: string) => readonly TaskOrder[]) => {
      await ear.until(() => ear.offered.length > 0, 'an offer');
      const [first] = ear.offered.splice(0);
      if (first === undefined) throw new Error('no offer');
      return framework.launch([{ offerIds: [first.id], orders: orders(first.agentId) }]);
    };
    const of = (n: number) => ear.updates.filter(({ taskId }) => taskId === taskIdOf(jobId(n), 1));
    const has = (n: number, state: string) => of(n).some((update) => update.state === state);

    t.same(await launch((agent) => [anOrder(1, agent, 'exit 3'), anOrder(2, agent, 'sleep 100')]), [
      'sent',
    ]);
    await ear.until(() => has(1, 'failed') && has(2, 'running'), 'the first two');
    t.match(of(1).at(-1), { state: 'failed', message: 'Command exited with status 3' });
    framework.reconcile([{ taskId: taskIdOf(jobId(2), 1), agentId: null }]);
    await ear.until(
      () => of(2).some(({ reason }) => reason === 'reconciliation'),
      'reconciliation',
    );
    framework.kill({ taskId: taskIdOf(jobId(2), 1), agentId: null, graceMs: 1_000 });
    await ear.until(() => has(2, 'killed'), 'the kill');

    ear.isConnected = false;
    framework.resubscribe('a test wants it');
    await ear.until(() => ear.isConnected && ear.offered.length > 0, 'a new subscription');

    const tookMs: number[] = [];
    for (let n = 10; n < 30; n++) {
      framework.revive();
      await ear.until(() => ear.offered.length > 0, 'an offer');
      const beganMs = performance.now();
      await launch((agent) => [anOrder(n, agent, 'true')]);
      await ear.until(() => has(n, 'running'), `task ${n}`);
      tookMs.push(performance.now() - beganMs);
      await ear.until(() => has(n, 'finished'), `the end of task ${n}`);
    }
    tookMs.sort((a, b) => a - b);
    const median = tookMs[10] ?? Number.NaN;
    t.comment(`from launch to running, median of 20: ${median.toFixed(1)} ms`);
    t.ok(median < 1_000);
    t.equal(ear.refusal, null);
  });
}
