/** Every failure as JSON `{code, msg, field?, …}` with the status of its code. What we did not foresee is a 500 with an incident number. */

import { ServiceError } from '../contracts/errors.js';
import type { Log } from '../contracts/log.js';
import { Bug } from '../core/assert.js';
import type { Context, Handler } from './context.js';

/** How long a client should wait before it tries again, in seconds, where waiting helps. */
const RETRY_SECONDS = 2;

export interface FailuresDeps {
  readonly log: Log;
  /** A number that ties the answer to the line in the log. */
  readonly incident: () => string;
  /** A broken assumption of ours: the caller is answered, then the process must stop. */
  readonly onBug: (bug: Bug) => void;
}

export function failures(deps: FailuresDeps): Handler {
  return async (context, next) => {
    try {
      await next();
    } catch (error) {
      answer(context, asServiceError(error, deps, context));
      if (error instanceof Bug) deps.onBug(error);
    }
  };
}

function asServiceError(
  error: unknown,
  { log, incident }: FailuresDeps,
  context: Context,
): ServiceError {
  if (error instanceof ServiceError) {
    if (error.status >= 500)
      log.warn('request failed', {
        requestId: context.state.requestId,
        ...{ code: error.code, path: context.path, cause: error.cause },
      });
    return error;
  }
  const number = incident();
  const { path, state } = context;
  const facts = { incident: number, requestId: state.requestId, path, error };
  log.error('unexpected failure of a request', facts);
  return new ServiceError('internal', `something went wrong here; incident ${number}`, {
    incident: number,
  });
}

function answer(context: Context, error: ServiceError): void {
  context.status = error.status;
  if (error.status === 503 || error.status === 429)
    context.set('Retry-After', String(error.facts.retry_after ?? RETRY_SECONDS));
  if (error.status === 401) context.set('WWW-Authenticate', 'Bearer');
  // The rest of an oversized body is not read: the connection cannot be used again.
  if (error.code === 'too-large' && !context.req.complete) context.set('Connection', 'close');
  const { requestId } = context.state;
  context.body = {
    code: error.code,
    msg: error.message,
    ...error.facts,
    ...(requestId === undefined ? {} : { request_id: requestId }),
  };
}
