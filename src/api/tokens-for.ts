/** Tokens as the API of a process has them, with what they need of the record. */
import type { ApiDeps } from './deps.js';
import { createKeyUse } from './key-use.js';
import { createRevocations } from './revocations.js';
import { createTokens, type Tokens } from './tokens.js';

type Needs = Pick<
  ApiDeps,
  'store' | 'auth' | 'clock' | 'secret' | 'randomBytes' | 'log' | 'config'
>;

export function tokensFor(deps: Needs): Tokens {
  const { store, clock, log, config } = deps;
  const { sessionMs, keyTokenMs } = config.web;
  return createTokens({
    ...deps,
    sessionMs,
    keyTokenMs,
    revocations: createRevocations(store, clock),
    noteUse: createKeyUse(store, log),
  });
}
