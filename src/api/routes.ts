/** What every group of routes gets. */
import type Router from '@koa/router';
import type { Job } from '../core/job.js';
import type { Caller } from './caller.js';
import type { Context, State } from './context.js';
import type { ApiDeps } from './deps.js';
import type { Revocations } from './revocations.js';
import type { Tokens } from './tokens.js';

export interface Routes {
  readonly deps: ApiDeps;
  readonly router: Router<State>;
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  /** Who asks, or is acted for. @throws ServiceError `no-token`, `bad-token`, `forbidden`, `user-not-found` */
  readonly signedIn: (context: Context) => Promise<Caller>;
  /** The job of a path, if the asker may see it: of others' jobs not even the existence is told. */
  readonly jobOf: (context: Context, id: string | undefined) => Promise<Job>;
}
