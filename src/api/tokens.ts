/**
 * Session tokens: JWT, HS256. One obtained with a password ends after the configured time; one obtained with an API
 * key carries the key's id and is good as long as the key is, because clients such as Galaxy keep it for good.
 */
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Authenticator, Person } from '../contracts/auth.js';
import type { Clock } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';

export const AUDIENCE = 'urn:godocker/api';
const ALGORITHM = 'HS256';

export interface TokensDeps {
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly auth: Authenticator;
  readonly sessionMs: number;
}

export interface Tokens {
  forPassword(person: Person): Promise<string>;
  forKey(person: Person, keyId: string): Promise<string>;
  /** The person behind an `Authorization` header. @throws ServiceError `no-token`, `bad-token` */
  check(header: string | undefined): Promise<Person>;
}

export function createTokens({ secret, clock, auth, sessionMs }: TokensDeps): Tokens {
  const token = (person: Person): SignJWT =>
    new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM })
      .setSubject(person.id)
      .setAudience(AUDIENCE)
      .setIssuedAt(seconds(clock));

  async function check(header: string | undefined): Promise<Person> {
    const text = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
    if (text === undefined)
      throw new ServiceError('no-token', 'sign in first: this needs "Authorization: Bearer TOKEN"');
    const claims = await verify(text);
    const person = claims.login === undefined ? undefined : await auth.user(claims.login);
    if (person === undefined) throw badToken('nobody has this token any more');
    if (claims.keyId !== undefined && !person.keyIds.includes(claims.keyId))
      throw badToken('the API key of this token is no longer in force');
    return person;
  }

  async function verify(text: string): Promise<{ login?: string; keyId?: string }> {
    try {
      const { payload } = await jwtVerify(text, secret, {
        audience: AUDIENCE,
        algorithms: [ALGORITHM],
        currentDate: new Date(clock.now()),
      });
      // A token without an end must be bound to a key, or nothing could ever revoke it.
      const keyId = typeof payload.key === 'string' ? payload.key : undefined;
      if (keyId === undefined && payload.exp === undefined) throw badToken('it has no end');
      return {
        ...(payload.sub === undefined ? {} : { login: payload.sub }),
        ...(keyId === undefined ? {} : { keyId }),
      };
    } catch (cause) {
      if (cause instanceof errors.JWTExpired)
        throw new ServiceError('bad-token', 'the session is over: sign in again', {}, { cause });
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

const seconds = (clock: Clock): number => Math.floor(clock.now() / 1000);

const badToken = (because: string, cause?: unknown): ServiceError =>
  new ServiceError('bad-token', `the token is not valid: ${because}`, {}, { cause });
