/** Notes when API keys were used last: to the hour, so that it costs a write an hour and key at most, not one a request. */
import type { HeldKey } from '../contracts/keys.js';
import { keyIdOf } from '../contracts/keys.js';
import { KEY_USE_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { UserStore } from '../contracts/store.js';
import { type Instant, instant, type UserId } from '../core/units.js';
import { Recent } from './recent.js';

const KEYS_REMEMBERED_MAX = 10_000;

export type KeyUse = (login: UserId, key: HeldKey, at: Instant) => Promise<void>;

export function createKeyUse(store: Pick<UserStore, 'changeUser'>, log: Log): KeyUse {
  const noted = new Recent<number>(KEYS_REMEMBERED_MAX);
  return async (login, { id, usedAt }, at) => {
    const hour = instant(at - (at % KEY_USE_EACH_MS));
    if (Math.max(noted.get(id) ?? 0, usedAt ?? 0) >= hour) return;
    noted.set(id, hour);
    try {
      await store.changeUser(login, (user) => {
        const key = user?.keys.find(({ sha256 }) => keyIdOf(sha256) === id);
        if (user === undefined || key === undefined || (key.usedAt ?? 0) >= hour) return undefined;
        const keys = user.keys.map((one) => (one === key ? { ...one, usedAt: hour } : one));
        return { ...user, keys };
      });
    } catch (error) {
      // A remark: no request fails because of it, and the next hour brings another.
      log.warn('the use of an API key could not be noted', { login, error });
    }
  };
}
