/** Where a process writes the audit log: acts are written before they happen; what nobody waits for is gathered, and kept while the store is away. */
import type { AuditEntry, AuditNote, AuditStore, AuditTrail } from '../contracts/audit.js';
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import {
  AUDIT_AGAIN_MS,
  AUDIT_KINDS_MAX,
  AUDIT_STOP_MS_MAX,
  AUDIT_WINDOW_MS,
} from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import { cleanNote } from '../core/audit.js';
import { AuditRepeats } from '../core/audit-repeats.js';
import { inTime } from './in-time.js';

export interface AuditTrailPorts {
  readonly store: Pick<AuditStore, 'appendAudit'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

export class StoredTrail implements AuditTrail {
  readonly #ports: AuditTrailPorts;
  readonly #repeats = new AuditRepeats({ windowMs: AUDIT_WINDOW_MS, kindsMax: AUDIT_KINDS_MAX });
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  /** Something new came while others were written. */
  #isAskedAgain = false;
  #isAway = false;
  #isStopped = false;

  constructor(ports: AuditTrailPorts) {
    this.#ports = ports;
  }

  async write(note: AuditNote): Promise<AuditEntry> {
    const [entry] = await this.#ports.store.appendAudit([note]);
    if (entry === undefined) throw new Error('the store added no entry');
    return entry;
  }

  tell(note: AuditNote): void {
    const isNew = this.#repeats.add(cleanNote(note), this.#ports.clock.monotonicMs());
    if (isNew) this.#writeDue();
    else this.#later();
  }

  /** What was told and is not written yet is written, if that is quick. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    const last = this.#writing.then(() => this.#append(this.#repeats.takeAll()));
    const isDone = await inTime(last, AUDIT_STOP_MS_MAX, this.#ports.timers);
    if (isDone === undefined) this.#ports.log.warn('the last entries of the audit log are lost');
  }

  #later(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#timer = this.#ports.timers.after(AUDIT_AGAIN_MS, () => {
      this.#timer = undefined;
      this.#writeDue();
    });
  }

  #writeDue(): void {
    this.#later();
    if (this.#isWriting) this.#isAskedAgain = true;
    if (this.#isWriting || this.#isStopped) return;
    this.#isWriting = true;
    this.#isAskedAgain = false;
    this.#writing = this.#append(this.#repeats.due(this.#ports.clock.monotonicMs())).finally(() => {
      this.#isWriting = false;
      if (this.#isAskedAgain) this.#writeDue();
      if (!this.#repeats.isEmpty) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    });
  }

  /** Never rejects: what was not written is told again. */
  async #append(notes: readonly AuditNote[]): Promise<void> {
    if (notes.length === 0) return;
    try {
      await this.#ports.store.appendAudit(notes);
      if (this.#isAway) this.#ports.log.info('the audit log is written again');
      this.#isAway = false;
    } catch (error) {
      const { log, clock } = this.#ports;
      if (!this.#isAway) log.warn('the audit log cannot be written; kept for now', { error });
      this.#isAway = true;
      for (const note of notes) this.#repeats.add(note, clock.monotonicMs());
    }
  }
}
