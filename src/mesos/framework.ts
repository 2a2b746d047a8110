/** The executor `mesos`: our framework on a Mesos cluster, behind the contract that all executors share. */
import type {
  Cluster,
  ClusterFeature,
  ClusterListener,
  ClusterMemory,
  LaunchAnswer,
  LaunchBatch,
  TaskOrder,
  TaskUpdate,
} from '../contracts/cluster.js';
import { type MesosCounters, UNCOUNTED } from '../contracts/counters.js';
import {
  BROKEN_OFFER_REFUSE_MS,
  ODDITIES_LOGGED_MAX,
  RECONCILE_TASKS_MAX,
} from '../contracts/limits.js';
import { assert } from '../core/assert.js';
import { agentId, type OfferId, offerId } from '../core/units.js';
import * as calls from './calls.js';
import { type ConnectionOptions, MasterConnection, type MesosPorts } from './connection.js';
import type { TaskForm } from './containers.js';
import { clusterOffer, isReceipt, roleOf, taskUpdate, windowStart } from './events.js';
import type { Call, Event, InverseOffer, Offer, TaskStatus } from './messages.js';
import { Stock, taskInfo } from './orders.js';
import { soundOffer } from './sound.js';

export type { MesosPorts } from './connection.js';

/** Pause before a DECLINE without an answer is repeated. */
const DECLINE_AGAIN_MS = 1_000;
/** An inverse offer that was answered is made again after this: by then other jobs may be there, or none. */
const INVERSE_AGAIN_MS = 60_000;

export interface MesosOptions extends ConnectionOptions {
  readonly tasks: TaskForm;
  readonly memory: ClusterMemory;
  /** Beyond killing, which every Mesos can. */
  readonly features?: readonly ClusterFeature[];
}

export class MesosFramework implements Cluster {
  readonly name = 'mesos';
  readonly features: readonly ClusterFeature[];
  readonly #ports: MesosPorts;
  readonly #memory: ClusterMemory;
  readonly #tasks: TaskForm;
  readonly #connection: MasterConnection;
  #listener: ClusterListener | undefined;
  /** As the master named us; `#savedId` is what the store is known to have. */
  #frameworkId: string | null = null;
  #savedId: string | null = null;
  /** Events that wait until the framework id is durable; undefined when nothing waits. */
  #backlog: Event[] | undefined;
  #isConnected = false;
  #firstAttempt: () => void = () => {};
  readonly #offers = new Map<OfferId, Offer>();
  /** Tasks whose ACCEPT has no answer yet. */
  readonly #launching = new Map<string, Promise<LaunchAnswer>>();
  /** Tasks whose ACCEPT got no answer on the present stream: nothing may be said of them before the next one. */
  readonly #doubts = new Set<string>();
  /** Tasks that were told of before their ACCEPT was answered: it has arrived, whatever the answer. */
  readonly #arrived = new Set<string>();
  /** Logged since the process began: agent, kind and name. */
  readonly #oddities = new Set<string>();
  readonly #counters: MesosCounters;
  #afterRenewal: { readonly taskId: string; readonly call: () => void }[] = [];

  /** @throws ServiceError when an address of a master is none. */
  constructor(options: MesosOptions) {
    this.features = ['kill', ...(options.features ?? ['resources.port', 'gpus'])];
    this.#ports = options.ports;
    this.#counters = options.ports.counters ?? UNCOUNTED;
    this.#memory = options.memory;
    this.#tasks = options.tasks;
    this.#connection = new MasterConnection(options, {
      subscribed: (frameworkId) => this.#subscribed(frameworkId),
      lost: (because) => this.#lost(because),
      refused: (because) => this.#listener?.refused(because),
      event: (event) => {
        if (this.#backlog === undefined) this.#deliver(event);
        else this.#backlog.push(event);
      },
      brokenOffers: (ids) => void this.#declineSurely(ids, BROKEN_OFFER_REFUSE_MS),
    });
  }

  /** As the master knows us; null until it does. */
  get id(): string | null {
    return this.#frameworkId;
  }

  /** Origin of the master we are subscribed to, or null. */
  get master(): string | null {
    return this.#connection.session?.target.origin ?? null;
  }

  /** @throws ServiceError when the framework id cannot be read: without it we would become another framework. */
  async start(listener: ClusterListener): Promise<void> {
    assert(this.#listener === undefined, 'a framework is started once');
    this.#savedId = await this.#memory.load();
    this.#frameworkId = this.#savedId;
    this.#listener = listener;
    await new Promise<void>((resolve) => {
      this.#firstAttempt = resolve;
      this.#connection.start(this.#savedId);
    });
  }

  async stop(how = { isAtOnce: false }): Promise<void> {
    this.#listener = undefined;
    this.#firstAttempt();
    await this.#connection.stop(how);
    this.#forget();
  }

  resubscribe(because: string): void {
    this.#connection.renew(because);
  }

  launch(batches: readonly LaunchBatch[]): Promise<readonly LaunchAnswer[]> {
    return Promise.all(batches.map((batch) => this.#launchBatch(batch)));
  }

  async #launchBatch({ offerIds, orders }: LaunchBatch): Promise<LaunchAnswer> {
    const offers = offerIds.flatMap((id) => this.#offers.get(id) ?? []);
    for (const id of offerIds) this.#offers.delete(id);
    if (offers.length < offerIds.length) {
      // Rescinded or void since the cycle began. Nothing was sent, so what is left of them goes back.
      this.#giveBack(offers);
      return 'refused';
    }
    const call = this.#accept(offers, orders);
    const answered = this.#connection.send('launches', call);
    for (const { taskId } of orders) this.#launching.set(taskId, answered);
    const session = this.#connection.session;
    const answer = await answered;
    for (const { taskId } of orders) {
      this.#launching.delete(taskId);
      const hasArrived = this.#arrived.delete(taskId);
      if (answer === 'doubt' && !hasArrived && session === this.#connection.session)
        this.#doubts.add(taskId);
    }
    if (answer === 'refused' && session === this.#connection.session) this.#giveBack(offers);
    return answer;
  }

  #accept(offers: readonly Offer[], orders: readonly TaskOrder[]): Call {
    const stock = new Stock(offers);
    for (const offer of offers)
      for (const order of orders)
        assert(
          offer.agent_id.value === order.agentId && roleOf(offer) === order.role,
          'offers and orders of a batch agree in agent and role',
        );
    const tasks = orders.map((order) => taskInfo(order, stock, this.#tasks));
    const ids = offers.map((offer) => offer.id.value);
    return calls.accept(this.#id(), ids, tasks.length > 0 ? [calls.launch(tasks)] : [], 0);
  }

  decline(offerIds: readonly OfferId[], refuseMs: number): void {
    const held = offerIds.filter((id) => this.#offers.delete(id));
    if (held.length > 0) void this.#declineSurely(held, refuseMs);
  }

  suppress(): void {
    this.#order(() => calls.suppress(this.#id()));
  }

  revive(): void {
    this.#order(() => calls.revive(this.#id()));
  }

  kill(task: Parameters<Cluster['kill']>[0]): void {
    this.#onceSettled(task.taskId, () => this.#order(() => calls.kill(this.#id(), task)));
  }

  reconcile(tasks: Parameters<Cluster['reconcile']>[0]): void {
    const isUnsettled = ({ taskId }: { readonly taskId: string }) =>
      this.#launching.has(taskId) || this.#doubts.has(taskId);
    const settled = tasks.filter((task) => !isUnsettled(task));
    // None named means all: that must never come of having none left to name.
    if (tasks.length === 0) this.#order(() => calls.reconcile(this.#id(), []));
    for (let at = 0; at < settled.length; at += RECONCILE_TASKS_MAX) {
      const part = settled.slice(at, at + RECONCILE_TASKS_MAX);
      this.#order(() => calls.reconcile(this.#id(), part));
    }
    for (const task of tasks.filter(isUnsettled))
      this.#onceSettled(task.taskId, () => this.reconcile([task]));
  }

  acknowledge({ taskId, receipt }: TaskUpdate): void {
    // Without a stream there is nobody to tell; the master repeats the update on the next one.
    if (!isReceipt(receipt) || this.#connection.session === undefined) return;
    void this.#connection.send('receipts', calls.acknowledge(this.#id(), { taskId, ...receipt }));
  }

  /** At once, or when the launch of this task was answered, or on the next stream if it got no answer. */
  #onceSettled(taskId: string, call: () => void): void {
    const launching = this.#launching.get(taskId);
    if (launching !== undefined) void launching.then(() => this.#onceSettled(taskId, call));
    else if (this.#doubts.has(taskId)) this.#afterRenewal.push({ taskId, call });
    else call();
  }

  /** News of a task prove that its ACCEPT has arrived: what waited for the next stream need not. */
  #settle({ task_id: { value: taskId }, reason }: TaskStatus): void {
    // Answers to reconciliation prove nothing: they may be about a task that the master has yet to hear of.
    if (reason === 'REASON_RECONCILIATION') return;
    if (this.#launching.has(taskId)) this.#arrived.add(taskId);
    if (!this.#doubts.delete(taskId)) return;
    const held = this.#afterRenewal.filter((waiting) => waiting.taskId === taskId);
    this.#afterRenewal = this.#afterRenewal.filter((waiting) => waiting.taskId !== taskId);
    for (const { call } of held) call();
  }

  /** Offers that the master counts as ours but nobody here does. */
  #giveBack(offers: readonly Offer[]): void {
    const ids = offers.map((offer) => offer.id.value);
    if (ids.length > 0) void this.#declineSurely(ids, 0);
  }

  /** Said until it was heard: what the master takes for ours it offers to nobody. A new stream voids all offers. */
  async #declineSurely(ids: readonly string[], refuseMs: number): Promise<void> {
    const session = this.#connection.session;
    while (session !== undefined && session === this.#connection.session) {
      const call = calls.decline(this.#id(), ids, refuseMs);
      if ((await this.#connection.send('orders', call)) !== 'doubt') return;
      await new Promise<void>((go) => this.#ports.timers.after(DECLINE_AGAIN_MS, go));
    }
  }

  /** Sends a call whose loss does no harm: those who gave it give it again after the next `connected`. */
  #order(call: () => Call): void {
    if (this.#connection.session !== undefined) void this.#connection.send('orders', call());
  }

  #id(): string {
    assert(this.#frameworkId !== null, 'calls follow a subscription');
    return this.#frameworkId;
  }

  #subscribed(frameworkId: string): void {
    const isNew = this.#frameworkId === null;
    this.#frameworkId = frameworkId;
    this.#doubts.clear();
    if (frameworkId === this.#savedId) {
      this.#announce(frameworkId, isNew);
      return;
    }
    // No offer is used under an id that a crash could make us forget: its tasks would run without an owner.
    const session = this.#connection.session;
    this.#backlog = [];
    this.#memory.save(frameworkId).then(
      () => {
        this.#savedId = frameworkId;
        if (session === this.#connection.session) this.#announce(frameworkId, isNew);
      },
      (error: unknown) => {
        this.#ports.log.error('framework id not stored', { because: String(error) });
        if (session === this.#connection.session)
          this.#connection.giveUp('the framework id could not be stored');
      },
    );
  }

  #announce(frameworkId: string, isNew: boolean): void {
    const session = this.#connection.session;
    const events = this.#backlog ?? [];
    const held = this.#afterRenewal;
    this.#backlog = undefined;
    this.#afterRenewal = [];
    this.#isConnected = true;
    this.#ports.log.info('subscribed', { frameworkId, master: session?.target.origin });
    this.#listener?.connected({ frameworkId, isNew });
    for (const { call } of held) call();
    for (const event of events) if (session === this.#connection.session) this.#deliver(event);
    this.#firstAttempt();
  }

  #lost(because: string): void {
    this.#forget();
    this.#firstAttempt();
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#listener?.disconnected(because);
  }

  /** Offers and events belong to one stream. */
  #forget(): void {
    this.#backlog = undefined;
    this.#offers.clear();
  }

  /** Oddities come with every offer of an agent: each counts, the first of its kind is logged. */
  #sound(given: Offer): Offer {
    const { offer, oddities } = soundOffer(given);
    for (const { kind, name, because } of oddities) {
      this.#counters.count(kind);
      const key = JSON.stringify([offer.agent_id.value, kind, name]);
      if (this.#oddities.has(key) || this.#oddities.size >= ODDITIES_LOGGED_MAX) continue;
      this.#oddities.add(key);
      const facts = { kind, name, because, host: offer.hostname, agentId: offer.agent_id.value };
      this.#ports.log.warn('odd offer', facts);
    }
    return offer;
  }

  /** Yes, if all that is ours there ends before the window; else no. Either way the master asks again after a while. */
  #answerInverse(asked: readonly InverseOffer[]): void {
    const leaving: InverseOffer[] = [];
    const staying: InverseOffer[] = [];
    for (const offer of asked) {
      const agent = offer.agent_id?.value;
      const answer = this.#listener?.mayLeave({
        agentId: agent === undefined ? null : agentId(agent),
        from: windowStart(offer.unavailability.start.nanoseconds),
      });
      (answer?.kind === 'yes' ? leaving : staying).push(offer);
    }
    if (leaving.length > 0)
      this.#order(() => calls.acceptInverseOffers(this.#id(), leaving, INVERSE_AGAIN_MS));
    if (staying.length > 0)
      this.#order(() => calls.declineInverseOffers(this.#id(), staying, INVERSE_AGAIN_MS));
  }

  #deliver(event: Event): void {
    switch (event.type) {
      case 'OFFERS': {
        const offers = (event.offers?.offers ?? []).map((offer) => this.#sound(offer));
        for (const offer of offers) this.#offers.set(offerId(offer.id.value), offer);
        this.#listener?.offers(offers.map(clusterOffer));
        break;
      }
      case 'RESCIND': {
        const id = offerId(event.rescind?.offer_id.value ?? '');
        // One that is used up already is nobody's business any more: its tasks will be dropped.
        if (this.#offers.delete(id)) this.#listener?.rescinded(id);
        break;
      }
      case 'UPDATE':
        if (event.update === undefined) {
          this.#counters.count('events_unreadable');
          break;
        }
        this.#settle(event.update.status);
        this.#listener?.updated(taskUpdate(event.update.status, this.#ports.clock.now()));
        break;
      case 'FAILURE': {
        const agent = event.failure?.agent_id?.value;
        if (agent !== undefined) this.#listener?.agentFailed(agentId(agent));
        break;
      }
      case 'INVERSE_OFFERS':
        this.#answerInverse(event.inverse_offers?.inverse_offers ?? []);
        break;
      case 'RESCIND_INVERSE_OFFER':
        // Nothing was promised: an answer only told how it stood.
        break;
      default:
        // We use neither offer operations nor messages of executors; the rest ended further down.
        this.#ports.log.debug('event passed over', { type: event.type });
    }
  }
}
