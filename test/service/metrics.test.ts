import { Registry } from 'prom-client';
import t from 'tap';
import type { ClusterListener, ClusterOffer } from '../../src/contracts/cluster.js';
import { MESOS_COUNTERS } from '../../src/contracts/counters.js';
import { Events } from '../../src/contracts/events.js';
import { FencedOut } from '../../src/contracts/store.js';
import { PendingQueue } from '../../src/core/queue.js';
import { agentId, instant, offerId } from '../../src/core/units.js';
import { announceStep } from '../../src/daemon/announcements.js';
import { EMPTY_TALLY, tallyOf } from '../../src/daemon/tally.js';
import { countsOf } from '../../src/daemon/warnings.js';
import { clusterMetrics } from '../../src/service/metrics/cluster.js';
import { mesosCounters } from '../../src/service/metrics/process.js';
import { everyMetric, metricsPage } from '../../src/service/metrics/reference.js';
import { eventMetrics, schedulerGauges } from '../../src/service/metrics/scheduler.js';
import { storeMetrics } from '../../src/service/metrics/store.js';
import {
  aLaunching,
  anOver,
  anUnreachable,
  aPending,
  aRow,
  aRunning,
  aSpec,
  LOST,
  T0,
} from '../core/samples.js';
import { MemoryStore } from '../support/memory-store.js';
import { readProjectFile } from '../support/project.js';

t.test('agents that take no new jobs are counted by state, those without any too', async (t) => {
  const metrics = new Registry();
  const agent = (host: string, state: 'drained' | 'set-aside') => ({
    executor: 'mesos',
    host,
    state,
  });
  const agents = countsOf([
    agent('n1', 'drained'),
    agent('n2', 'set-aside'),
    agent('n3', 'drained'),
  ]);
  const sizes = { pending: 0, live: 0, orphans: 0, trouble: [], warnings: [] };
  schedulerGauges(metrics, {
    status: () => ({ isLeading: true, isReady: true, ...sizes, agents }),
    tally: () => EMPTY_TALLY,
  });
  const text = await metrics.metrics();
  const gauge = (state: string, count: number) =>
    new RegExp(`^godocker_scheduler_agents_closed{state="${state}"} ${count}$`, 'm');
  for (const state of ['drain-planned', 'draining', 'probation']) t.match(text, gauge(state, 0));
  t.match(text, gauge('drained', 2));
  t.match(text, gauge('set-aside', 1));
});

t.test('everything that is counted stands in /metrics, from 0 on', async (t) => {
  const metrics = new Registry();
  const counters = mesosCounters(metrics);
  counters.count('resources_odd');
  counters.count('resources_odd');
  const text = await metrics.metrics();
  for (const name of Object.keys(MESOS_COUNTERS))
    t.match(
      text,
      new RegExp(`^godocker_mesos_${name}_total ${name === 'resources_odd' ? 2 : 0}$`, 'm'),
    );
});

t.test('the page about metrics tells of each, as it is', async (t) => {
  t.equal(
    readProjectFile('docs/metrics.md'),
    await metricsPage(),
    'docs/metrics.md is out of date: node dist/src/service/metrics/print.js > docs/metrics.md',
  );
});

t.test('names follow the conventions', async (t) => {
  for (const { name, type } of await everyMetric().getMetricsAsJSON()) {
    if (/^(process|nodejs)_/.test(name)) continue;
    t.match(name, /^godocker_[a-z_]+$/, `${name} has our prefix`);
    const isCounter = String(type) === 'counter';
    t.equal(name.endsWith('_total'), isCounter, `${name}: _total means counter`);
    if (String(type) === 'histogram') t.match(name, /_seconds$/, `${name} is in a base unit`);
  }
});

t.test('dashboards and alerts name metrics that exist', async (t) => {
  const known = new Set((await everyMetric().getMetricsAsJSON()).map(({ name }) => name));
  for (const file of ['grafana/godocker.json', 'prometheus/alerts.yml']) {
    const named = readProjectFile('deploy', file).match(/\b(godocker|nodejs|process)_[a-z0-9_]+/g);
    t.ok(named !== null && named.length > 5, `${file} names metrics`);
    for (const name of new Set(named))
      t.ok(known.has(name.replace(/_(bucket|count|sum)$/, '')), `${file}: ${name}`);
  }
});

t.test('jobs are counted by state and by queue', async (t) => {
  const queue = new PendingQueue();
  queue.add({ ...aRow(1), notBefore: null });
  queue.add({ ...aRow(2), notBefore: null, queue: 'night' });
  queue.add({ ...aRow(3), notBefore: instant(9), queue: 'night' });
  const live = [aRunning({ spec: aSpec({ queue: 'night' }) }), anUnreachable()];
  const tally = tallyOf(queue, live, 4);
  t.same(tally.states, {
    waiting: 2,
    paused: 1,
    withheld: 4,
    launching: 0,
    running: 1,
    killing: 0,
    unreachable: 1,
  });
  t.same(Object.fromEntries(tally.queues), {
    '': { waiting: 1, live: 1 },
    night: { waiting: 1, live: 1 },
  });
  t.same(tally.held, { cpuMilli: 2_000, memMb: 2_000, gpus: 0 });
});

t.test('the store answers as before, and its calls are timed by operation', async (t) => {
  const metrics = new Registry();
  const store = storeMetrics(metrics).measured(new MemoryStore());
  await store.putSetting('a', 'b');
  t.equal(await store.setting('a'), 'b');
  t.equal(store.setting, store.setting, 'a method is one function');
  await t.rejects(store.advance(7, []), FencedOut, 'failures reach the caller as they are');
  const text = await metrics.metrics();
  t.match(text, /^godocker_store_operation_seconds_count\{operation="setting"\} 1$/m);
  t.match(text, /^godocker_store_operation_seconds_count\{operation="advance"\} 1$/m);
  t.match(text, /^godocker_store_failures_total\{operation="advance"\} 1$/m);
  t.match(text, /^godocker_store_failures_total\{operation="setting"\} 0$/m);
});

t.test('a job counts when it starts, its wait once', async (t) => {
  const metrics = new Registry();
  const events = new Events();
  eventMetrics(metrics, events);
  const heard: string[] = [];
  events.on('job:started', ({ isFirst }) => heard.push(`started ${isFirst}`));
  events.on('job:ended', ({ outcome }) => heard.push(`ended ${outcome}`));
  const [running, over] = [aRunning(), anOver()];
  announceStep(events, aPending(), aLaunching());
  announceStep(events, aLaunching(), running);
  announceStep(events, running, anUnreachable({ startedAt: running.startedAt }));
  announceStep(events, running, over);
  t.same(heard, ['started true', 'ended exited']);
  // So short a life that nobody told of its start.
  const faults = [
    {
      taskId: over.placement?.taskId ?? aRunning().placement.taskId,
      host: 'n1',
      because: LOST,
      at: T0,
    },
  ];
  announceStep(events, aLaunching({ faults }), anOver({ faults }));
  t.same(heard.slice(2), ['started false', 'ended exited']);
  const text = await metrics.metrics();
  t.match(text, /^godocker_job_wait_seconds_count 1$/m);
  t.match(text, /^godocker_jobs_ended_total\{outcome="exited"\} 2$/m);
  t.match(text, /^godocker_jobs_ended_total\{outcome="gaveUp"\} 0$/m);
});

t.test('offers, launches, updates and questions are counted on their way', async (t) => {
  const metrics = new Registry();
  const calls: string[] = [];
  let listener: ClusterListener | undefined;
  const note =
    (name: string) =>
    (...args: readonly unknown[]) =>
      void calls.push(`${name} ${args.length}`);
  const cluster = clusterMetrics(metrics).measured({
    name: 'mesos',
    features: ['kill'],
    start: async (its) => {
      listener = its;
    },
    stop: async () => {},
    launch: async () => ['refused'],
    decline: note('decline'),
    suppress: note('suppress'),
    revive: note('revive'),
    kill: note('kill'),
    reconcile: note('reconcile'),
    acknowledge: note('acknowledge'),
    resubscribe: note('resubscribe'),
  });
  const heard: string[] = [];
  await cluster.start({
    connected: () => heard.push('connected'),
    disconnected: () => heard.push('disconnected'),
    offers: (offers) => heard.push(`offers ${offers.length}`),
    rescinded: () => heard.push('rescinded'),
    updated: () => heard.push('updated'),
    agentFailed: () => heard.push('agentFailed'),
    mayLeave: () => ({ kind: 'yes' }),
    refused: () => heard.push('refused'),
  });
  const offers = ['o1', 'o2', 'o3', 'o4'].map((id) => ({ id: offerId(id) }) as ClusterOffer);
  listener?.connected({ frameworkId: 'f1', isNew: true });
  listener?.offers(offers);
  listener?.rescinded(offerId('o1'));
  listener?.agentFailed(agentId('a1'));
  cluster.decline([offerId('o2')], 5);
  t.same(await cluster.launch([{ offerIds: [offerId('o3')], orders: [] }]), ['refused']);
  cluster.suppress();
  cluster.reconcile([]);
  t.same(heard, ['connected', 'offers 4', 'rescinded', 'agentFailed']);
  t.same(calls, ['decline 2', 'suppress 0', 'reconcile 1'], 'everything is passed on');
  const text = await metrics.metrics();
  for (const line of [
    'cluster_connected{executor="mesos"} 1',
    'offers_held{executor="mesos"} 1',
    'offers_suppressed{executor="mesos"} 1',
    'offers_received_total{executor="mesos"} 4',
    'offers_used_total{executor="mesos"} 1',
    'offers_declined_total{executor="mesos"} 1',
    'offers_rescinded_total{executor="mesos"} 1',
    'agent_failures_total{executor="mesos"} 1',
    'launches_total{executor="mesos",answer="refused"} 0',
    'reconciliations_total{executor="mesos",kind="implicit"} 1',
    'reconciliations_total{executor="mesos",kind="explicit"} 0',
  ])
    t.ok(text.split('\n').includes(`godocker_${line}`), line);
  listener?.disconnected('the master went away');
  const after = await metrics.metrics();
  t.match(after, /^godocker_offers_held\{executor="mesos"\} 0$/m, 'their offers are void');
  t.match(after, /^godocker_offers_suppressed\{executor="mesos"\} 0$/m);
});
