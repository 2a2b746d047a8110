/** Whether somebody whose answer goes on may still have it: what was checked at its start is checked again. */
import type { Person } from '../contracts/auth.js';
import { ServiceError } from '../contracts/errors.js';
import type { RouteContext } from './context.js';
import type { Tokens } from './tokens.js';

/**
 * @param may what else must hold of who asks
 * @returns false: not any more; rejects when it cannot be told now
 */
export function rightOf(
  { context, tokens }: { readonly context: RouteContext; readonly tokens: Tokens },
  may: (person: Person) => boolean | Promise<boolean>,
): () => Promise<boolean> {
  const token = context.get('Authorization');
  return async () => {
    try {
      const { person } = await tokens.check(token);
      return await may(person);
    } catch (error) {
      if (error instanceof ServiceError && error.status < 500) return false;
      throw error;
    }
  };
}
