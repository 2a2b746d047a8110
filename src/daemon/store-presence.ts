/** Presence in the store: it is there in every installation, whatever else is. */
import type { Clock } from '../contracts/clock.js';
import {
  PRESENCE_LASTS_MS,
  PROCESS_ROLES,
  type Presence,
  type ProcessCard,
  type ProcessSeen,
} from '../contracts/presence.js';
import type { JobStore } from '../contracts/store.js';

/** What the settings of the store that hold it begin with; the name of the process follows. */
export const PRESENCE_SETTING = 'presence.';
/** Processes that ended without a word are cleared away by others after this. */
const FORGOTTEN_MS = 3_600_000;

export interface StorePresencePorts {
  readonly store: Pick<JobStore, 'settings' | 'putSetting' | 'dropSetting'>;
  readonly clock: Clock;
}

/**
 * Each beat is one small write. Who is alive is told by dates of different machines: a machine whose clock is off by more than
 * `PRESENCE_LASTS_MS` is thought dead, or alive for too long. Nothing is decided by it.
 */
export class StorePresence implements Presence {
  readonly #ports: StorePresencePorts;
  #isTidy = false;

  constructor(ports: StorePresencePorts) {
    this.#ports = ports;
  }

  async beat(card: ProcessCard): Promise<void> {
    const { store, clock } = this.#ports;
    const seen: ProcessSeen = { ...card, seenAt: clock.now() };
    await store.putSetting(PRESENCE_SETTING + card.name, JSON.stringify(seen));
    if (this.#isTidy) return;
    this.#isTidy = true;
    await this.#tidy();
  }

  async present(): Promise<readonly ProcessSeen[]> {
    const { store, clock } = this.#ports;
    const seen = [...(await store.settings(PRESENCE_SETTING)).values()].flatMap(
      (text) => readSeen(text) ?? [],
    );
    return seen.filter(({ seenAt }) => clock.now() - seenAt <= PRESENCE_LASTS_MS);
  }

  leave(name: string): Promise<void> {
    return this.#ports.store.dropSetting(PRESENCE_SETTING + name);
  }

  /** Once in the life of a process. */
  async #tidy(): Promise<void> {
    const { store, clock } = this.#ports;
    for (const [setting, text] of await store.settings(PRESENCE_SETTING)) {
      const seen = readSeen(text);
      if (seen === undefined || clock.now() - seen.seenAt > FORGOTTEN_MS)
        await store.dropSetting(setting);
    }
  }
}

/** What was written by whatever version of us, or by whoever can write there; undefined: it tells nothing. */
export function readSeen(text: string): ProcessSeen | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const seen = found as Partial<Record<keyof ProcessSeen, unknown>> | null;
  const isWhole =
    typeof seen?.name === 'string' &&
    PROCESS_ROLES.some((role) => role === seen.role) &&
    typeof seen.host === 'string' &&
    typeof seen.pid === 'number' &&
    typeof seen.version === 'string' &&
    typeof seen.startedAt === 'number' &&
    typeof seen.seenAt === 'number' &&
    (seen.url === null || typeof seen.url === 'string');
  return isWhole ? (seen as unknown as ProcessSeen) : undefined;
}
