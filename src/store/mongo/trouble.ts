// What the driver throws, as what callers of the store see: trouble of the world, or a bug of ours.
import {
  MongoAPIError,
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from 'mongodb';
import { ServiceError } from '../../contracts/errors.js';
import { Bug } from '../../core/assert.js';

/** Why the store cannot serve: for people, for retries, for tests. */
export type MongoTrouble =
  /** Nobody answers, or not in time. */
  | 'away'
  | 'login-refused'
  /** The login may not do what we need. */
  | 'not-allowed'
  | 'full'
  /** Written, but not to enough members in time: it may be lost again. */
  | 'not-replicated'
  /** Others hold what we need for longer than we wait. */
  | 'busy'
  | 'newer-schema'
  | 'not-a-store'
  /** An import has not filled it to the end. */
  | 'unfinished-import'
  | 'server-error'
  | 'closed';

export const DUPLICATE_KEY = 11_000;
const LOGIN_REFUSED = new Set([11, 18, 8_000]);
const NOT_ALLOWED = new Set([13]);
const FULL = new Set([12_501, 14_031]);
/** The server is going down, coming up, or no primary (any more). */
const STEPPING_DOWN = new Set([
  ...[6, 7, 89, 91, 134, 189, 262, 9_001, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436],
]);

export const unavailable = (
  because: MongoTrouble,
  detail: string,
  options?: ErrorOptions,
): ServiceError =>
  new ServiceError('store-unavailable', `the store cannot serve: ${detail}`, { because }, options);

/** What to throw instead of `error`. Errors that are not the driver's come back as they are. */
export function troubleOf(error: unknown): unknown {
  if (!(error instanceof MongoError)) return error;
  const because = causeOf(error);
  if (because !== null) return unavailable(because, error.message, { cause: error });
  return new Bug(`MongoDB: ${error.message}`, { cause: error });
}

/** Null: we use the driver wrongly. */
function causeOf(error: MongoError): MongoTrouble | null {
  if (
    error instanceof MongoNetworkError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoTopologyClosedError
  )
    return 'away';
  if (error instanceof MongoServerSelectionError) return refusedBy(error) ?? 'away';
  if (error instanceof MongoWriteConcernError) return 'not-replicated';
  if (error instanceof MongoServerError || error instanceof MongoBulkWriteError)
    return byCode(error.code);
  return error instanceof MongoAPIError ? null : 'away';
}

function byCode(code: unknown): MongoTrouble {
  const number = Number(code);
  if (LOGIN_REFUSED.has(number)) return 'login-refused';
  if (NOT_ALLOWED.has(number)) return 'not-allowed';
  if (FULL.has(number)) return 'full';
  return STEPPING_DOWN.has(number) ? 'away' : 'server-error';
}

/** A login that a member refused comes as "no server found", with the reason inside. */
function refusedBy(error: MongoServerSelectionError): MongoTrouble | null {
  const inner = error.cause;
  if (!(inner instanceof MongoServerError)) return null;
  const because = byCode(inner.code);
  return because === 'login-refused' || because === 'not-allowed' ? because : null;
}

/** Whether a record of that id or key is there already. */
export const isRepeat = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === DUPLICATE_KEY;

/** The same of several writes: whether nothing else failed. */
export function isRepeatAlone(error: unknown): error is MongoBulkWriteError {
  if (!(error instanceof MongoBulkWriteError)) return false;
  const failures = [error.writeErrors].flat();
  return (
    failures.length > 0 &&
    failures.every(({ code }) => code === DUPLICATE_KEY) &&
    error.result.getWriteConcernError() === undefined
  );
}
