/**
 * Sessions that are over before their time. The record has them until they would have ended anyway; each process keeps a copy
 * and looks again every few seconds, so that a sign-out at one web server is soon one at all.
 */
import type { Clock } from '../contracts/clock.js';
import { REVOKED_EACH_MS, REVOKED_OF_USER_MAX } from '../contracts/limits.js';
import { isRaw } from '../contracts/reader.js';
import type { JobStore } from '../contracts/store.js';
import type { Instant } from '../core/units.js';

export interface Session {
  readonly login: string;
  readonly id: string;
  readonly openedAt: Instant;
  readonly endsAt: Instant;
}

export interface Revocations {
  isRevoked(session: Session): Promise<boolean>;
  /** One session. */
  end(session: Session): Promise<void>;
  /** All of a user that were opened until now. `longestMs`: how long any of them could last. */
  endAll(login: string, longestMs: number): Promise<void>;
}

type Settings = Pick<JobStore, 'settings' | 'putSetting' | 'dropSetting'>;

const PREFIX = 'revoked.';
const ONE = `${PREFIX}session.`;
const ALL = `${PREFIX}user.`;

/** Names of settings; logins and ids have no slash. */
const nameOfOne = ({ login, id }: Pick<Session, 'login' | 'id'>): string => `${ONE}${login}/${id}`;

export function createRevocations(store: Settings, clock: Clock): Revocations {
  let ended = new Set<string>();
  /** Sessions of a user that were opened before, in milliseconds of the epoch. */
  let before = new Map<string, number>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    const startedMs = clock.monotonicMs();
    const found = await store.settings(PREFIX);
    const now = clock.now();
    ended = new Set();
    before = new Map();
    for (const [name, value] of found) {
      const { until, opened } = readMark(value);
      if (until <= now) await store.dropSetting(name);
      else if (name.startsWith(ONE)) ended.add(name);
      else if (name.startsWith(ALL)) before.set(name.slice(ALL.length), opened);
    }
    lookedAtMs = startedMs;
  }

  async function fresh(): Promise<void> {
    if (clock.monotonicMs() - lookedAtMs < REVOKED_EACH_MS) return;
    looking ??= look().finally(() => {
      looking = undefined;
    });
    await looking;
  }

  async function endAll(login: string, longestMs: number): Promise<void> {
    const now = clock.now();
    await store.putSetting(
      `${ALL}${login}`,
      JSON.stringify({ until: now + longestMs, opened: now }),
    );
    await looking;
    before.set(login, now);
  }

  return {
    isRevoked: async (session) => {
      await fresh();
      return (
        session.openedAt < (before.get(session.login) ?? Number.NEGATIVE_INFINITY) ||
        ended.has(nameOfOne(session))
      );
    },
    end: async (session) => {
      const own = await store.settings(`${ONE}${session.login}/`);
      // Nobody fills the record by signing in and out.
      if (own.size >= REVOKED_OF_USER_MAX)
        return endAll(session.login, session.endsAt - session.openedAt);
      const name = nameOfOne(session);
      await store.putSetting(name, JSON.stringify({ until: session.endsAt }));
      // What was read before is about to replace what we know.
      await looking;
      ended.add(name);
    },
    endAll,
  };
}

function readMark(text: string): { readonly until: number; readonly opened: number } {
  const raw: unknown = JSON.parse(text);
  const read = (value: unknown) => (typeof value === 'number' ? value : 0);
  return isRaw(raw)
    ? { until: read(raw.until), opened: read(raw.opened) }
    : { until: 0, opened: 0 };
}
