/**
 * One term of leadership: the pending queue, the live jobs, the clusters. It acts; what to do is decided in the core.
 */
import type { ToldAgents } from '../contracts/agents.js';
import type { Bulletin } from '../contracts/bulletin.js';
import type { Cluster, TaskUpdate } from '../contracts/cluster.js';
import { BULLETIN_SHAPES_MAX } from '../contracts/limits.js';
import type { ShareFacts } from '../contracts/shares.js';
import type { Lease, PendingRow } from '../contracts/store.js';
import type { Plan } from '../core/cycle.js';
import { isLive } from '../core/job.js';
import type { Obstacle } from '../core/obstacle.js';
import { PendingQueue } from '../core/queue.js';
import type { AgentId, Instant, JobId } from '../core/units.js';
import { Accounting } from './accounting.js';
import { AgentWatch } from './agent-watch.js';
import { announceStep } from './announcements.js';
import { Arrays } from './arrays.js';
import { ClusterLink, type LinkOwner, type TaskRef } from './cluster-link.js';
import { Cycles } from './cycles.js';
import { Intake } from './intake.js';
import { type Applied, JobBook } from './job-book.js';
import { Kills } from './kills.js';
import { ObstacleBook } from './obstacle-book.js';
import { Outlook } from './outlook.js';
import { follow, type PlacedParts } from './placed.js';
import { binsOf, Placing } from './placing.js';
import type { SchedulerOptions, SchedulerPorts, SchedulerStatus } from './ports.js';
import { Refusals } from './refusals.js';
import { Returns } from './returns.js';
import { shareFacts } from './shares.js';
import { SteadyTime } from './steady-time.js';
import { Strays } from './strays.js';
import { Sweep } from './sweep.js';
import { type JobTally, tallyOf } from './tally.js';
import { Updates, type UpdatesOwner } from './updates.js';
import { Wishes } from './wishes.js';
import { Withheld } from './withheld.js';

export class Leader implements LinkOwner {
  readonly #ports: SchedulerPorts;
  readonly #options: SchedulerOptions;
  readonly #queue = new PendingQueue();
  readonly #steady: SteadyTime;
  readonly #book: JobBook;
  readonly #placing: Placing;
  readonly #updates: Updates;
  readonly #intake: Intake;
  readonly #kills: Kills;
  readonly #arrays: Arrays;
  readonly #withheld: Withheld;
  readonly #returns: Returns;
  readonly #refusals: Refusals;
  readonly #cycles: Cycles;
  readonly #agents: AgentWatch;
  readonly #wishes: Wishes;
  readonly #placedParts: PlacedParts;
  /** Where waiting jobs stand, and when they would start. */
  readonly outlook: Outlook;
  readonly #links = new Map<string, ClusterLink>();
  /** Planned, not yet told what became of them. */
  readonly #inHand = new Set<JobId>();
  readonly #sweep: Sweep;
  readonly #obstacles: ObstacleBook;
  readonly #accounting: Accounting;
  #isClosed = false;
  #isReady = false;

  private constructor(ports: SchedulerPorts, options: SchedulerOptions, book: JobBook) {
    this.#ports = ports;
    this.#options = options;
    this.#book = book;
    this.#steady = new SteadyTime(ports.clock);
    this.#agents = new AgentWatch(ports, options, {
      closuresChanged: () => this.#cycles.newWork(),
      live: () => book.live(),
    });
    this.#obstacles = new ObstacleBook(this.#queue, this.#agents);
    this.#accounting = new Accounting(ports, options);
    this.#sweep = new Sweep(ports, () => this.#look());
    const strays = new Strays(ports, book, options.orphanPolicy);
    this.#placing = new Placing(ports, options, { book, accounting: this.#accounting, strays });
    this.#intake = new Intake(ports, {
      isKnown: (id) => this.#isKnown(id),
      add: (row) => this.#withheld.take(row) || this.#returns.admit(row),
      addArray: (row) => this.#takeInArray(row),
      killWanted: (id) => void this.#kills.act(id),
    });
    const newWork = () => this.#cycles.newWork();
    const parts = { book, queue: this.#queue, steady: this.#steady };
    this.#returns = new Returns(ports, options, parts, {
      isKnown: (id) => this.#isKnown(id),
      isKilled: (job) => this.#arrays.forbids(job),
      withholds: (job) => this.#withheld.takeBack(job),
      newWork,
    });
    this.#arrays = new Arrays(ports, parts, {
      applied: (applied) => this.#afterwards(applied, null),
      killWanted: (id) => void this.#kills.act(id),
      killMember: (id, wanted) => this.#kills.actOnMember(id, wanted),
      isWithheld: (id) => this.#withheld.has(id),
      pairReady: (id) => this.#withheld.pairReady(id),
      newWork,
    });
    this.#withheld = new Withheld(ports, book, {
      admit: (row) => this.#returns.admit(row),
      bar: (array, isBarred) => this.#arrays.bar(array, isBarred),
      withdraw: (id) => this.#cycles.withdraw(id),
      awaitsPair: (id) => this.#arrays.awaitsPair(id),
      waits: (id) => this.#queue.has(id) || this.#inHand.has(id),
      giveUpArray: (array, because) => this.#arrays.giveUp(array, because),
      killWanted: (id) => void this.#kills.act(id),
      applied: (applied) => this.#afterwards(applied, null),
    });
    const whoOwns: UpdatesOwner = {
      applied: (applied, executor) => this.#afterwards(applied, executor),
      found: (job) => {
        this.#cycles.withdraw(job.id);
        this.#book.adopt(job);
        this.#arrays.entered(job.id);
        this.#accounting.charge(job);
      },
      linkOf: (executor) => this.#links.get(executor),
      told: (update) => this.#agents.told(update),
      judged: (job, event, at) => this.#agents.judged(job, event, at),
    };
    this.#updates = new Updates(ports, { book, strays }, whoOwns, options.orphanPolicy);
    this.#kills = new Kills(ports, book, {
      withdraw: (id) => this.#withheld.withdraw(id),
      killArray: (array, wanted) => this.#arrays.kill(array, wanted),
      applied: (applied, executor) => this.#afterwards(applied, executor),
    });
    this.#wishes = new Wishes(ports, book, {
      takeOut: (id) => this.#takeOut(id),
      handBack: (id) => {
        this.#inHand.delete(id);
        void this.#intake.takeIn([id]);
      },
      applied: (applied, executor) => this.#afterwards(applied, executor),
      newWork,
    });
    this.#refusals = new Refusals(ports, book, this.#accounting.limits, {
      withdraw: (id) => {
        this.#queue.remove(id);
        this.#inHand.add(id);
      },
      settled: (id, applied) => {
        this.#inHand.delete(id);
        if (applied === null) return this.#returns.later(id);
        this.#afterwards(applied, null);
        if (applied.kind === 'refused') void this.#kills.act(id);
      },
    });
    this.#placedParts = {
      ...{ ports, inHand: this.#inHand, agents: this.#agents, updates: this.#updates },
      ...{ arrays: this.#arrays, accounting: this.#accounting, kills: this.#kills },
      ...{ returns: this.#returns, holdChanged: this.holdChanged },
    };
    const view = {
      queue: this.#queue,
      links: this.#links,
      accounting: this.#accounting,
      agents: this.#agents,
      obstacles: this.#obstacles,
      steady: this.#steady,
      book,
    };
    this.#cycles = new Cycles(ports, options, view, {
      carryOut: (plan) => this.#carryOut(plan),
      preempt: (job) => this.#updates.preempt(job),
      isHalted: () => this.#wishes.maintenance !== null,
    });
    this.outlook = new Outlook(ports, options, { ...view, kept: () => this.#cycles.kept });
  }

  /** Reads everything under our epoch, then connects the clusters. */
  static async takeOver(
    ports: SchedulerPorts,
    options: SchedulerOptions,
    lease: Lease,
    clusters: readonly Cluster[],
    fencedOut: () => void,
  ): Promise<Leader> {
    const live = await ports.store.live();
    const book = new JobBook({ ...ports, fencedOut }, lease.epoch, live);
    const leader = new Leader(ports, options, book);
    for (const cluster of clusters)
      leader.#links.set(cluster.name, new ClusterLink(cluster, leader, ports));
    try {
      await leader.#agents.closures.refresh();
      await leader.#wishes.lookAtMaintenance();
      await leader.#accounting.read(book.live());
      await leader.#intake.readAll();
    } catch (error) {
      await leader.stop({ isAtOnce: true });
      throw error;
    }
    return leader;
  }

  async start(): Promise<void> {
    this.#sweep.start();
    this.#intake.keepReading(() => this.#withheld.lookAtAll());
    this.#kills.begin();
    this.#wishes.look();
    await Promise.all([...this.#links.values()].map((link) => link.start()));
    this.#isReady = true;
  }

  /** Ends the term; tasks go on. `isAtOnce`: another may lead already, so nothing more is written or sent. */
  async stop(how: { readonly isAtOnce: boolean }): Promise<void> {
    this.#isClosed = true;
    this.#isReady = false;
    this.#intake.close();
    this.#withheld.close();
    this.#placing.close();
    this.#returns.close();
    this.#cycles.close();
    this.outlook.close();
    this.#accounting.close();
    this.#kills.close();
    this.#wishes.close();
    this.#agents.closures.close();
    this.#sweep.close();
    this.#updates.close();
    this.#book.close();
    await Promise.all([...this.#links.values()].map((link) => link.stop(how)));
    if (!how.isAtOnce) await this.#book.settled();
  }

  status(): Omit<SchedulerStatus, 'isLeading'> {
    const { orphans } = this.#updates;
    const parts = [...this.#links.values(), orphans, this.#cycles];
    const trouble = parts.flatMap((part) => part.trouble() ?? []);
    const pending = this.#queue.size + this.#withheld.size;
    const sizes = { pending, live: this.#book.size, orphans: orphans.left, trouble };
    return { isReady: this.#isReady, ...sizes, ...this.#agents.status() };
  }

  readonly tally = (): JobTally => tallyOf(this.#queue, this.#book.live(), this.#withheld.size);

  /** Why a waiting job still waits; undefined when it does not wait here. */
  obstacles(id: JobId): readonly Obstacle[] | undefined {
    return this.#obstacles.of(id);
  }

  /** The agents of the cluster, of whose resources shares are taken. */
  inventoryTold(told: ToldAgents | null): void {
    this.#accounting.inventoryTold(told?.shapes ?? null);
    this.#agents.inventoryTold(told?.agents ?? []);
  }

  /** How everybody stands. */
  shares(): ShareFacts {
    return shareFacts({
      queue: this.#queue,
      standings: this.#accounting.standingsAt(this.#ports.clock.now()),
      policy: this.#ports.policy.name,
      usage: this.#options.usage,
      limits: this.#accounting.limits,
    });
  }

  /** What web processes elsewhere are told. */
  bulletin(): Omit<Bulletin, 'epoch' | 'inventory'> {
    const { isReady, trouble, warnings } = this.status();
    return { isReady, trouble, warnings, ...this.#obstacles.told(BULLETIN_SHAPES_MAX) };
  }

  // ---- notices from web processes

  readonly submitted = (ids: readonly JobId[]): void => void this.#intake.takeIn(ids);

  readonly killWanted = (id: JobId): void => void this.#kills.act(id);

  readonly holdChanged = (id: JobId): void => void this.#withheld.holdChanged(id);

  readonly wished = (): void => this.#wishes.look();

  readonly agentsChanged = (): void => this.#agents.look();

  /** Another process wrote: takes in new jobs and kills. @throws ServiceError when the store is away. */
  async lookAgain(): Promise<void> {
    this.#wishes.look();
    await Promise.all([
      this.#intake.takeIn(),
      this.#kills.actOnAll(),
      this.#withheld.sweep(),
      this.#agents.closures.refresh(),
    ]);
  }

  /** Of a job that waits, or of which nothing is known: nobody places it until it is handed back. */
  #takeOut(id: JobId): boolean {
    if (this.#inHand.has(id)) return false;
    this.#withheld.withdraw(id);
    this.#inHand.add(id);
    return true;
  }

  /** @throws ServiceError when the store is away; then it is as unknown as before, and the next look finds it. */
  async #takeInArray(row: PendingRow): Promise<void> {
    this.#withheld.take(row);
    try {
      await this.#arrays.takeIn(row);
    } catch (error) {
      this.#withheld.drop(row.id);
      throw error;
    }
  }

  /** Whether the job waits, is being placed or holds a task, as far as we know. */
  #isKnown(id: JobId): boolean {
    const isHeld = this.#inHand.has(id) || this.#book.get(id) !== undefined;
    return isHeld || this.#queue.has(id) || this.#withheld.has(id) || this.#arrays.has(id);
  }

  /** What notices did not tell: jobs, kills, holds, tasks without a word, kills without an effect. */
  async #look(): Promise<void> {
    this.#wishes.look();
    await this.#agents.closures.refresh();
    await this.#intake.sweep();
    await this.#kills.actOnAll();
    await this.#withheld.sweep();
    if (!this.#isClosed) this.#updates.sweep();
    for (const link of this.#links.values()) link.wantAgain();
  }

  // ---- what the clusters tell, and what cycles decide

  connected({ cluster }: ClusterLink): void {
    this.#updates.connected(cluster.name);
  }

  offersChanged(): void {
    this.#cycles.soon();
  }

  hasPending(): boolean {
    return this.#queue.size > 0;
  }

  tasksOf(executor: string): readonly TaskRef[] {
    return this.#book.tasksOf(executor);
  }

  staysBeyond(executor: string, agentId: AgentId | null, from: Instant): number {
    return this.#agents.staysBeyond(executor, agentId, from);
  }

  #carryOut({ launches, refusals }: Plan): void {
    this.#refusals.carryOut(refusals);
    if (launches.length === 0) return;
    this.#accounting.limits.planned(launches, this.#queue);
    for (const launch of launches) {
      this.#queue.remove(launch.jobId);
      this.#inHand.add(launch.jobId);
      this.#arrays.entered(launch.jobId);
      this.#agents.planned(launch);
    }
    const bins = binsOf(launches, this.#links);
    for (const { link, offerIds } of bins) link.book.remove(offerIds);
    void this.#placing
      .carryOut(bins, (placed) => follow(placed, this.#placedParts))
      .catch((error: unknown) => this.#ports.failed(error));
  }

  // ---- updates

  updated(link: ClusterLink, update: TaskUpdate): void {
    this.#updates.take(link, update);
  }

  /** After a record was stored: effects, and the queue follows. `executor`: where the task runs, if there is one. */
  #afterwards(applied: Applied, executor: string | null): void {
    if (applied.kind === 'refused' || this.#isClosed) return;
    for (const effect of applied.effects) {
      if (effect.kind === 'killTask' && executor !== null) this.#updates.kill(executor, effect);
      if (effect.kind === 'settle' && applied.kind === 'moved') {
        this.#accounting.settle(applied.before, effect.usedMs, applied.job);
        // Others of the same user, project or queue may have waited for that.
        if (this.#obstacles.hasHolds) this.#cycles.newWork();
      }
    }
    if (applied.kind === 'ignored') return;
    const { before, job } = applied;
    this.#arrays.moved(before, job);
    this.#withheld.moved(job);
    this.#accounting.moved(job);
    if (isLive(before) && !isLive(job)) {
      this.#links.get(before.placement.executor)?.forget(before.placement.taskId);
      this.#updates.forget(before.placement.taskId);
      this.#agents.forget(before.placement.taskId);
    }
    if (job.state === 'pending') this.#returns.take(job);
    announceStep(this.#ports.events, before, job);
  }
}
