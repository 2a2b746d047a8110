/** Tokens as the API of a process has them, with what they need of the record. */
import type { ApiDeps } from './deps.js';
import { createKeyUse } from './key-use.js';
import { createRevocations, type Revocations } from './revocations.js';
import { createTokens, type Tokens } from './tokens.js';

type Needs = Pick<
  ApiDeps,
  'store' | 'auth' | 'clock' | 'secret' | 'randomBytes' | 'log' | 'config'
>;

export function tokensFor(deps: Needs): {
  readonly tokens: Tokens;
  readonly revocations: Revocations;
} {
  const { store, clock, log, config } = deps;
  const revocations = createRevocations(store, clock);
  const { sessionMs, keyTokenMs } = config.web;
  const noteUse = createKeyUse(store, log);
  return {
    revocations,
    tokens: createTokens({ ...deps, revocations, noteUse, sessionMs, keyTokenMs }),
  };
}
