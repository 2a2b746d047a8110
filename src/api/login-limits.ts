/** Bounds how often somebody may guess: for each login and for each address, in a window of time. Memory is bounded, too. */
import type { Clock } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import type { SignInWay } from '../contracts/events.js';
import { LOGINS_REMEMBERED_MAX } from '../contracts/limits.js';
import { Recent } from './recent.js';

export interface LoginRules {
  /** Failures in a window. */
  readonly perLogin: number;
  readonly perAddress: number;
  readonly windowMs: number;
}

interface Tally {
  readonly startedMs: number;
  readonly count: number;
}

interface Attempt {
  readonly way: SignInWay;
  readonly login: string;
  readonly address: string;
}

export class LoginLimits {
  readonly #rules: LoginRules;
  readonly #clock: Clock;
  readonly #logins = new Recent<Tally>(LOGINS_REMEMBERED_MAX);
  readonly #addresses = new Recent<Tally>(LOGINS_REMEMBERED_MAX);

  constructor(rules: LoginRules, clock: Clock) {
    this.#rules = rules;
    this.#clock = clock;
  }

  /**
   * Runs a sign-in. It counts while it runs, so that a thousand at once get no further than a thousand in turn; once it has
   * succeeded it does not count. Unknown logins are counted as all others are.
   * @throws ServiceError rate-limited, and whatever `signIn` throws
   */
  async within<T>(attempt: Attempt, signIn: () => Promise<T | undefined>): Promise<T | undefined> {
    const { perLogin, perAddress } = this.#rules;
    // A program with an old key must not keep its user from signing in with the password.
    const login = `${attempt.way} ${attempt.login.toLowerCase()}`;
    const address = networkOf(attempt.address);
    this.#mustBeFree(this.#addresses, address, perAddress);
    this.#mustBeFree(this.#logins, login, perLogin);
    this.#add(this.#addresses, address, 1);
    this.#add(this.#logins, login, 1);
    let hasFailed = false;
    try {
      const found = await signIn();
      hasFailed = found === undefined;
      return found;
    } finally {
      // What went wrong with us is no guess of theirs.
      if (!hasFailed) {
        this.#add(this.#addresses, address, -1);
        this.#add(this.#logins, login, -1);
      }
    }
  }

  #tally(of: Recent<Tally>, name: string): Tally {
    const nowMs = this.#clock.monotonicMs();
    const known = of.get(name);
    const isOver = known === undefined || nowMs - known.startedMs >= this.#rules.windowMs;
    return isOver ? { startedMs: nowMs, count: 0 } : known;
  }

  #mustBeFree(of: Recent<Tally>, name: string, max: number): void {
    const { startedMs, count } = this.#tally(of, name);
    if (count < max) return;
    const leftMs = startedMs + this.#rules.windowMs - this.#clock.monotonicMs();
    const retryAfter = Math.max(1, Math.ceil(leftMs / 1000));
    throw new ServiceError(
      'rate-limited',
      `too many sign-ins have failed: try again in ${retryAfter} s`,
      { retry_after: retryAfter },
    );
  }

  #add(of: Recent<Tally>, name: string, more: number): void {
    const { startedMs, count } = this.#tally(of, name);
    of.set(name, { startedMs, count: Math.max(0, count + more) });
  }
}

/** Whoever has one address of IPv6 has the 2^64 beside it, too. */
export function networkOf(address: string): string {
  const four = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (four !== undefined) return four;
  const [head = '', tail] = address.toLowerCase().replace(/%.*$/, '').split('::', 2);
  const heads = head === '' ? [] : head.split(':');
  const tails = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - heads.length - tails.length);
  const groups = [...heads, ...Array.from({ length: gap }, () => '0'), ...tails];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
