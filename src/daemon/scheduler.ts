/** The scheduler daemon: stands for leadership; while it leads, one `Leader` does the work. */
import type { Cluster } from '../contracts/cluster.js';
import { LEASE_STALE_MS, SHARES_EACH_MS } from '../contracts/limits.js';
import type { Notices } from '../contracts/notices.js';
import type { OutlookFacts } from '../contracts/outlook.js';
import { SHARES_SETTING, type ShareFacts } from '../contracts/shares.js';
import type { Lease } from '../contracts/store.js';
import type { Obstacle } from '../core/obstacle.js';
import type { JobId } from '../core/units.js';
import { Bulletins } from './bulletins.js';
import { coalesced } from './coalesced.js';
import { inTime } from './in-time.js';
import { Inventory } from './inventory.js';
import { isAway } from './job-book.js';
import { Leader } from './leader.js';
import { Leadership } from './leadership.js';
import { OutlookDesk } from './outlook-desk.js';
import type { SchedulerOptions, SchedulerPorts, SchedulerStatus } from './ports.js';
import { EMPTY_TALLY, type JobTally } from './tally.js';
import { countsOf } from './warnings.js';

export type { SchedulerStatus } from './ports.js';

const NOTHING = { pending: 0, live: 0, orphans: 0, warnings: [], agents: countsOf([]) };

/**
 * Made anew for each term: a cluster that was stopped stays stopped.
 * @param mayAct asked by the cluster before it sends anything; false for ever once the term is over.
 */
export type MakeClusters = (mayAct: () => boolean) => readonly Cluster[];

export class SchedulerDaemon {
  readonly #ports: SchedulerPorts;
  readonly #options: SchedulerOptions;
  readonly #makeClusters: MakeClusters;
  readonly #leadership: Leadership;
  #leader: Leader | undefined;
  /** Counts terms; what a former one still does, or learns, must not touch the present one. */
  #term = 0;
  /** The takeover under way, if any. */
  #leading: Promise<void> = Promise.resolve();
  /** What goes on beside the leader while it leads. */
  readonly #aside: (() => void)[] = [];

  constructor(ports: SchedulerPorts, options: SchedulerOptions, makeClusters: MakeClusters) {
    this.#ports = ports;
    this.#options = options;
    this.#makeClusters = makeClusters;
    this.#leadership = new Leadership(ports, options, {
      taken: (lease) => {
        ports.events.emit('leader:taken', { epoch: lease.epoch, holder: lease.holder });
        this.#leading = this.#lead(lease);
      },
      lost: () => void this.#resign({ isAtOnce: true }).catch(ports.failed),
    });
  }

  start(): void {
    this.#leadership.start();
  }

  /** Leaves the tasks alone and frees the lease: last, so that whoever takes it finds nothing of ours under way. */
  async stop(): Promise<void> {
    const work = async () => {
      await this.#resign({ isAtOnce: false });
      // A term that was fenced out may never end its takeover, and has nothing to hand over.
      if (this.#leadership.isCurrent()) await this.#leading;
    };
    // A store that does not answer for so long has let go of our lease anyway.
    await inTime(work(), LEASE_STALE_MS, this.#ports.timers);
    await this.#leadership.stop();
  }

  /** What web processes tell the leader. */
  readonly notices: Notices = {
    submitted: (ids) => this.#leader?.submitted(ids),
    killWanted: (id) => this.#leader?.killWanted(id),
    holdChanged: (id) => this.#leader?.holdChanged(id),
    wished: () => this.#leader?.wished(),
    agentsChanged: () => this.#leader?.agentsChanged(),
  };

  /** Why a waiting job still waits; undefined when we do not lead, or it does not wait. */
  obstacles(id: JobId): readonly Obstacle[] | undefined {
    return this.#leader?.obstacles(id);
  }

  /** How everybody stands; undefined when we do not lead. */
  shares(): ShareFacts | undefined {
    return this.#leader?.shares();
  }

  /** Where waiting jobs stand, and when they would start; undefined when we do not lead. */
  async outlook(): Promise<OutlookFacts | undefined> {
    return this.#leader?.outlook.ask();
  }

  status(): SchedulerStatus {
    const leader = this.#leader?.status();
    if (leader === undefined)
      return { ...NOTHING, isLeading: false, isReady: false, trouble: ['not leading'] };
    return { isLeading: true, ...leader };
  }

  /** How many jobs stand where; nothing when we do not lead. */
  tally(): JobTally {
    return this.#leader?.tally() ?? EMPTY_TALLY;
  }

  async #lead(lease: Lease): Promise<void> {
    this.#term += 1;
    const term = this.#term;
    const isOurs = () => term === this.#term && this.#leadership.isCurrent();
    const { clock, log } = this.#ports;
    const takenMs = clock.monotonicMs();
    try {
      const leader = await Leader.takeOver(
        this.#ports,
        this.#options,
        lease,
        this.#makeClusters(isOurs),
        () => {
          if (term === this.#term) this.#leadership.fencedOut();
        },
      );
      // The lease may have been lost while the record was read: then this term never begins.
      if (!isOurs()) {
        await leader.stop({ isAtOnce: true });
        return;
      }
      const { pending, live } = leader.status();
      const tookMs = Math.round(clock.monotonicMs() - takenMs);
      log.info('record read', { epoch: lease.epoch, pending, live, tookMs });
      this.#leader = leader;
      this.#beside(leader, lease, isOurs);
      await leader.start();
      // What was submitted while the record was read: its notice found no leader.
      leader.submitted([]);
    } catch (error) {
      if (!isAway(error)) this.#ports.failed(error);
      else if (term === this.#term)
        this.#leadership.giveUp('the store went away while its record was read');
    }
  }

  /** What others tell, or wrote, reaches the leader; where others share the store, how it stands reaches them. */
  #beside(leader: Leader, { epoch }: Lease, isOurs: () => boolean): void {
    const { live, log } = this.#ports;
    const inventory = new Inventory(this.#ports, (told) => {
      leader.inventoryTold(told);
      leader.outlook.agentsTold(told?.agents ?? []);
    });
    if (this.#ports.inventory !== undefined) inventory.start();
    this.#aside.push(() => inventory.close());
    if (live === undefined) return;
    if (this.#options.isAlone) {
      this.#aside.push(live.hear(this.notices));
      return;
    }
    const lookAgain = coalesced(() =>
      leader.lookAgain().catch((error: unknown) => {
        log.warn('changes not looked up; the next sweep tries again', { error });
      }),
    );
    const bulletins = new Bulletins(
      { ...this.#ports, told: () => live.tell.bulletinChanged() },
      () => (isOurs() ? { epoch, ...leader.bulletin(), inventory: inventory.latest } : undefined),
    );
    const shares = new Bulletins(this.#ports, sharesOf(leader, isOurs), {
      setting: SHARES_SETTING,
      eachMs: SHARES_EACH_MS,
    });
    const desk = new OutlookDesk(this.#ports, async () =>
      isOurs() ? leader.outlook.ask() : undefined,
    );
    const lookAtDesk = coalesced(() => desk.look());
    bulletins.start();
    shares.start();
    lookAtDesk();
    this.#aside.push(
      live.hear({
        ...this.notices,
        changed: () => {
          lookAgain();
          lookAtDesk();
        },
      }),
      () => bulletins.close(),
      () => shares.close(),
    );
  }

  async #resign(how: { readonly isAtOnce: boolean }): Promise<void> {
    this.#term += 1;
    const leader = this.#leader;
    this.#leader = undefined;
    for (const end of this.#aside.splice(0)) end();
    await leader?.stop(how);
  }
}

/** Told again and again while anything goes on; of an idle cluster once, for that costs a write. */
function sharesOf(leader: Leader, isOurs: () => boolean): () => ShareFacts | undefined {
  let wasIdle = false;
  return () => {
    const { pending, live } = leader.status();
    const isIdle = pending === 0 && live === 0;
    if (!isOurs() || (isIdle && wasIdle)) return undefined;
    wasIdle = isIdle;
    return leader.shares();
  };
}
