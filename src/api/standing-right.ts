/** Whether somebody whose answer goes on may still have it: what was checked at its start is checked again. */
import { ServiceError } from '../contracts/errors.js';
import { Events } from '../contracts/events.js';
import { type Caller, callerOf } from './caller.js';
import type { RouteContext } from './context.js';
import type { ApiDeps } from './deps.js';
import type { Tokens } from './tokens.js';

interface Asked {
  readonly context: RouteContext;
  readonly deps: Pick<ApiDeps, 'auth'>;
  readonly tokens: Tokens;
}

/**
 * @param may what else must hold of who asks
 * @returns false: not any more; rejects when it cannot be told now
 */
export function rightOf(
  { context, deps: { auth }, tokens }: Asked,
  may: (caller: Caller) => boolean | Promise<boolean>,
): () => Promise<boolean> {
  // Who acts for somebody was told at the start, and does nothing anew.
  const events = new Events();
  return async () => {
    try {
      const { person } = await callerOf({ auth, events, tokens }, context);
      return await may(person);
    } catch (error) {
      if (error instanceof ServiceError && error.status < 500) return false;
      throw error;
    }
  };
}
