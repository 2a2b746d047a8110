// Jobs that are held back and released, inside the writing thread's transaction.
import type { Writes } from './requests.js';
import type { Database } from './sqlite.js';

const prepareAll = (database: Database) => ({
  hold: database.prepare(
    `UPDATE jobs SET held_by = ?2, held_at = ?3, held_admin = ?4, version = version + 1
     WHERE id = ?1 AND state IN ('pending', 'open') AND kill_wanted_by IS NULL
       AND (held_by IS NULL OR held_admin < ?4)`,
  ),
  release: database.prepare(
    `UPDATE jobs SET held_by = NULL, held_at = NULL, held_admin = NULL, version = version + 1
     WHERE id = ?1 AND state IN ('pending', 'open') AND held_by IS NOT NULL
       AND held_admin <= ?2`,
  ),
  record: database.prepare(
    `SELECT state IN ('pending', 'open'), kill_wanted_by IS NULL, held_by IS NOT NULL
     FROM jobs WHERE id = ?`,
  ),
  isMember: database.prepare(
    `SELECT state FROM jobs WHERE id = (
       SELECT id FROM jobs INDEXED BY jobs_arrays
       WHERE array_size IS NOT NULL AND id < ?1 ORDER BY id DESC LIMIT 1)
     AND id + array_size >= ?1`,
  ),
});

export class HoldWriter {
  readonly #statements: ReturnType<typeof prepareAll>;
  readonly #makeMember: (id: number) => boolean;

  /** @param makeMember makes the record of a member of an array that waits without one; false: it may not be made */
  constructor(database: Database, makeMember: (id: number) => boolean) {
    this.#statements = prepareAll(database);
    this.#makeMember = makeMember;
  }

  holdBack({ id, by, at, isAdmin }: Writes['holdBack']['ask']): Writes['holdBack']['answer'] {
    const { hold, record, isMember } = this.#statements;
    if (hold.run(id, by, at, isAdmin ? 1 : 0) > 0) return 'held';
    const known = record.get(id);
    if (known !== undefined) {
      const [waits, isWanted, isHeld] = known.map((claim) => claim === 1);
      return waits && isWanted && isHeld ? 'already' : 'too-late';
    }
    if (isMember.get(id) === undefined) return 'unknown';
    if (!this.#makeMember(id)) return 'too-late';
    hold.run(id, by, at, isAdmin ? 1 : 0);
    return 'held';
  }

  release({ id, isAdmin }: Writes['release']['ask']): Writes['release']['answer'] {
    const { release, record, isMember } = this.#statements;
    if (release.run(id, isAdmin ? 1 : 0) > 0) return 'released';
    const known = record.get(id);
    if (known === undefined) return isMember.get(id) === undefined ? 'unknown' : 'not-held';
    const [waits, , isHeld] = known.map((claim) => claim === 1);
    return waits && isHeld ? 'forbidden' : 'not-held';
  }
}
