/** What a route sees of a request. */
import type { RouterContext } from '@koa/router';
import type { Middleware, ParameterizedContext } from 'koa';
import { ServiceError } from '../contracts/errors.js';
import { type JobId, jobId } from '../core/units.js';
import type { Caller } from './caller.js';

/** Who is signed in, or acted for. */
export interface Asker {
  readonly person: Caller;
  /** Of the API key that the session came from; null: of a password. */
  readonly keyId: string | null;
}

export interface State {
  /** Pattern of the route that answered, for metrics. */
  route?: string;
  /** In the answer's `X-Request-Id`, and in the log. */
  requestId?: string;
  /** Absent: nobody has signed in, or it was not asked for. */
  caller?: Asker;
}

export type Context = ParameterizedContext<State>;
/** What a routed request has besides: `params`. */
export type RouteContext = RouterContext<State>;
export type Handler = Middleware<State>;

/** The job id of a path; anything but a plain positive integer is the caller's mistake. */
export function readJobId(text: string | undefined): JobId {
  if (text === undefined || !/^[1-9]\d{0,14}$/.test(text))
    throw new ServiceError('bad-id', `"${(text ?? '').slice(0, 40)}" is not the number of a job`, {
      field: 'id',
    });
  return jobId(Number(text));
}

/** One value of the query; a repeated one counts as its last. */
export function queryValue(context: Context, name: string): string | undefined {
  const value = context.query[name];
  return Array.isArray(value) ? value.at(-1) : value;
}
