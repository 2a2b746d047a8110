/**
 * Session tokens: JWT, HS256. One obtained with a password ends after the configured time; one obtained with an API
 * key carries the key's id and is good as long as the key is, because clients such as Galaxy keep it for good.
 */
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Authenticator, Person } from '../contracts/auth.js';
import type { Clock } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import type { Caller } from './context.js';

export const AUDIENCE = 'urn:godocker/api';
const ALGORITHM = 'HS256';

export interface TokensDeps {
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly auth: Authenticator;
  readonly sessionMs: number;
}

interface Claims {
  readonly login: string;
  readonly keyId: string | null;
  /** Epoch seconds; null: as long as the key. */
  readonly endsAt: number | null;
}

/** Signatures already checked: each check is a job for a thread, and clients send the same token again and again. */
const TOKENS_REMEMBERED_MAX = 1_000;

export interface Tokens {
  forPassword(person: Person): Promise<string>;
  forKey(person: Person, keyId: string): Promise<string>;
  /** Who stands behind an `Authorization` header. @throws ServiceError `no-token`, `bad-token` */
  check(header: string | undefined): Promise<Caller>;
}

export function createTokens({ secret, clock, auth, sessionMs }: TokensDeps): Tokens {
  const token = (person: Person): SignJWT =>
    new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM })
      .setSubject(person.id)
      .setAudience(AUDIENCE)
      .setIssuedAt(seconds(clock));

  const known = new Recent<Claims>(TOKENS_REMEMBERED_MAX);

  async function check(header: string | undefined): Promise<Caller> {
    const text = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
    if (text === undefined)
      throw new ServiceError('no-token', 'sign in first: this needs "Authorization: Bearer TOKEN"');
    const claims = known.get(text) ?? (await verify(text));
    known.set(text, claims);
    if (claims.endsAt !== null && claims.endsAt <= seconds(clock))
      throw new ServiceError('bad-token', 'the session is over: sign in again');
    const person = await auth.user(claims.login);
    if (person === undefined) throw badToken('nobody has this token any more');
    if (claims.keyId !== null && !person.keyIds.includes(claims.keyId))
      throw badToken('the API key of this token is no longer in force');
    return { person, keyId: claims.keyId };
  }

  /** What a token of ours says. Its end is the caller's to check: that changes, the signature does not. */
  async function verify(text: string): Promise<Claims> {
    try {
      const { payload } = await jwtVerify(text, secret, {
        audience: AUDIENCE,
        algorithms: [ALGORITHM],
        currentDate: new Date(0),
      });
      const keyId = typeof payload.key === 'string' ? payload.key : null;
      const endsAt = payload.exp ?? null;
      if (payload.sub === undefined) throw badToken('it names nobody');
      // A token without an end must be bound to a key, or nothing could ever revoke it.
      if (keyId === null && endsAt === null) throw badToken('it has no end');
      return { login: payload.sub, keyId, endsAt };
    } catch (cause) {
      if (cause instanceof errors.JOSEError) throw badToken('it is not a token of ours', cause);
      throw cause;
    }
  }

  return {
    forPassword: (person) =>
      token(person)
        .setExpirationTime(seconds(clock) + Math.floor(sessionMs / 1000))
        .sign(secret),
    forKey: (person, keyId) =>
      new SignJWT({ key: keyId })
        .setProtectedHeader({ alg: ALGORITHM })
        .setSubject(person.id)
        .setAudience(AUDIENCE)
        .setIssuedAt(seconds(clock))
        .sign(secret),
    check,
  };
}

/** Keeps the entries set last. */
class Recent<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#max) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

const seconds = (clock: Clock): number => Math.floor(clock.now() / 1000);

const badToken = (because: string, cause?: unknown): ServiceError =>
  new ServiceError('bad-token', `the token is not valid: ${because}`, {}, { cause });
