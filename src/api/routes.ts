/** What every group of routes gets. */
import type Router from '@koa/router';
import type { Person } from '../contracts/auth.js';
import type { Job } from '../core/job.js';
import type { Context, State } from './context.js';
import type { ApiDeps } from './deps.js';
import type { Tokens } from './tokens.js';

export interface Routes {
  readonly deps: ApiDeps;
  readonly router: Router<State>;
  readonly tokens: Tokens;
  /** Who asks. @throws ServiceError `no-token`, `bad-token` */
  readonly signedIn: (context: Context) => Promise<Person>;
  /** The job of a path, if the asker may see it: of others' jobs not even the existence is told. */
  readonly jobOf: (context: Context, id: string | undefined) => Promise<Job>;
}
