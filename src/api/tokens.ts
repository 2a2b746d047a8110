/**
 * Session tokens: JWT, HS256. One obtained with a password ends after the configured time, or when it is revoked; one
 * obtained with an API key carries the key's id and is good as long as the key is, because clients such as Galaxy keep it for good.
 */
import { createHash } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Authenticator, Person } from '../contracts/auth.js';
import type { Clock } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import { type HeldKey, isExpired } from '../contracts/keys.js';
import { CLOCKS_DIFFER_MS_MAX } from '../contracts/limits.js';
import { type Instant, instant } from '../core/units.js';
import type { KeyUse } from './key-use.js';
import { Recent } from './recent.js';
import type { Revocations, Session } from './revocations.js';

export const AUDIENCE = 'urn:godocker/api';
const ALGORITHM = 'HS256';
const SESSION_ID_BYTES = 16;

export interface TokensDeps {
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly auth: Authenticator;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly revocations: Revocations;
  readonly noteUse: KeyUse;
  readonly sessionMs: number;
  /** Limit of tokens obtained with a key; null: as long as the key. */
  readonly keyTokenMs: number | null;
}

interface Claims {
  readonly login: string;
  readonly keyId: string | null;
  /** Of a session opened otherwise than with a key; tokens of before there were ids have one all the same. */
  readonly sessionId: string;
  readonly openedAt: Instant;
  /** Null: as long as the key. */
  readonly endsAt: Instant | null;
}

/** What an `Authorization` header proves. */
export interface Credential {
  readonly person: Person;
  /** The key that the token was obtained with; null: another way of signing in. */
  readonly key: HeldKey | null;
  /** Null: the token lives as long as its key, and ends with it. */
  readonly session: Session | null;
}

/** Signatures already checked: each check is a job for a thread, and clients send the same token again and again. */
const TOKENS_REMEMBERED_MAX = 1_000;

export interface Tokens {
  forPassword(person: Person): Promise<string>;
  forKey(person: Person, keyId: string): Promise<string>;
  /** Who and what stands behind an `Authorization` header. @throws ServiceError `no-token`, `bad-token` */
  check(header: string | undefined): Promise<Credential>;
  /** One session is over. */
  end(session: Session): Promise<void>;
  /** All sessions of a user are; tokens of API keys are not. */
  endAll(login: string): Promise<void>;
}

export function createTokens(deps: TokensDeps): Tokens {
  const { secret, clock, auth, randomBytes, revocations, noteUse, sessionMs, keyTokenMs } = deps;
  const token = (person: Person, claims: Record<string, string> = {}): SignJWT =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM })
      .setSubject(person.id)
      .setAudience(AUDIENCE)
      // A fraction, as the standard allows: a session opened after all others were ended must not count among them.
      .setIssuedAt(clock.now() / 1000);
  const until = (lifeMs: number): number => seconds(clock) + Math.floor(lifeMs / 1000);

  const known = new Recent<Claims>(TOKENS_REMEMBERED_MAX);

  async function check(header: string | undefined): Promise<Credential> {
    const text = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
    if (text === undefined)
      throw new ServiceError('no-token', 'sign in first: this needs "Authorization: Bearer TOKEN"');
    const claims = known.get(text) ?? (await verify(text, secret));
    known.set(text, claims);
    const { login, keyId, endsAt } = claims;
    if (endsAt !== null && endsAt <= clock.now())
      throw new ServiceError('bad-token', 'the session is over: sign in again');
    const person = await auth.user(login);
    if (person === undefined) throw badToken('nobody has this token any more');
    if (keyId !== null) return { person, key: await keyOf(person, keyId, claims), session: null };
    // A token without an end must be bound to a key, or nothing could ever revoke it.
    if (endsAt === null) throw badToken('it has no end');
    const session = { login, id: claims.sessionId, openedAt: claims.openedAt, endsAt };
    const isAnothers = session.openedAt + CLOCKS_DIFFER_MS_MAX < (person.since ?? 0);
    if (isAnothers || (await revocations.isRevoked(session)))
      throw new ServiceError('bad-token', 'the session was ended: sign in again');
    return { person, key: null, session };
  }

  async function keyOf(person: Person, id: string, { openedAt }: Claims): Promise<HeldKey> {
    const now = clock.now();
    const key = person.keys.find((one) => one.id === id);
    if (key === undefined || isExpired(key, now))
      throw badToken('the API key of this token is no longer in force');
    if (keyTokenMs !== null && openedAt + keyTokenMs <= now)
      throw new ServiceError('bad-token', 'the session is over: sign in again');
    await noteUse(person.id, key, now);
    return key;
  }

  return {
    forPassword: (person) =>
      token(person)
        .setJti(Buffer.from(randomBytes(SESSION_ID_BYTES)).toString('base64url'))
        .setExpirationTime(until(sessionMs))
        .sign(secret),
    forKey: async (person, keyId) => {
      const made = token(person, { key: keyId });
      if (keyTokenMs !== null) made.setExpirationTime(until(keyTokenMs));
      return made.sign(secret);
    },
    check,
    end: (session) => revocations.end(session),
    endAll: (login) => revocations.endAll(login, sessionMs),
  };
}

/** What a token of ours says. Its end is the caller's to check: that changes, the signature does not. */
async function verify(text: string, secret: Uint8Array): Promise<Claims> {
  try {
    const { payload } = await jwtVerify(text, secret, {
      audience: AUDIENCE,
      algorithms: [ALGORITHM],
      currentDate: new Date(0),
    });
    if (payload.sub === undefined) throw badToken('it names nobody');
    return {
      login: payload.sub,
      keyId: typeof payload.key === 'string' ? payload.key : null,
      sessionId: payload.jti ?? createHash('sha256').update(text).digest('base64url'),
      openedAt: instantOf(payload.iat ?? 0),
      endsAt: payload.exp === undefined ? null : instantOf(payload.exp),
    };
  } catch (cause) {
    if (cause instanceof errors.JOSEError) throw badToken('it is not a token of ours', cause);
    throw cause;
  }
}

const seconds = (clock: Clock): number => Math.floor(clock.now() / 1000);
const instantOf = (epochSeconds: number): Instant => instant(Math.round(epochSeconds * 1000));

const badToken = (because: string, cause?: unknown): ServiceError =>
  new ServiceError('bad-token', `the token is not valid: ${because}`, {}, { cause });
