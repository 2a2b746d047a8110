/** Who may ask: the words that routes declare, and how each is enforced before a handler sees anything. */
import type { Person } from '../contracts/auth.js';
import { type ErrorCode, ServiceError } from '../contracts/errors.js';
import type { ProjectRecord } from '../contracts/store.js';
import type { Job } from '../core/job.js';
import { type ProjectId, projectId } from '../core/units.js';
import type { Caller } from './caller.js';
import { type Context, readJobId } from './context.js';
import type { ApiDeps } from './deps.js';
import { isDefaultProject, isShared } from './membership.js';
import { personFor } from './people.js';

interface SignedIn {
  /** Who asks, or is acted for. */
  readonly person: Caller;
}

/** What a handler gets of what was checked, by the word that its route declares. */
export interface Granted {
  /** Anybody, also without a token. */
  'nobody-needed': unknown;
  /** Everybody with an account. */
  'signed-in': SignedIn;
  /**
   * The job `id` of the path: its owner, administrators, and members of its project where the site shares jobs. Others are
   * told that it does not exist.
   */
  'own-job': SignedIn & { readonly job: Job };
  /** The user `id` of the path: oneself, and administrators. Others are told that it does not exist. */
  'own-or-admin': SignedIn & { readonly user: Person };
  /**
   * The project `id` of the path: its members, and administrators. Others are told that it does not exist. Null: `default`,
   * in which everybody is and of which there is no record.
   */
  'member-or-admin': SignedIn & { readonly project: ProjectRecord | null };
  /** Administrators. */
  admin: SignedIn;
}

export type Access = keyof Granted;

/** What signing in may meet: a limited key, somebody who may not act for others or is unknown. */
const SIGNING_IN = ['no-token', 'bad-token', 'forbidden', 'user-not-found'] as const;

/** What somebody meets who may not, besides what the handler itself refuses. */
export const ACCESS_ERRORS: Readonly<Record<Access, readonly ErrorCode[]>> = {
  'nobody-needed': [],
  'signed-in': SIGNING_IN,
  'own-job': [...SIGNING_IN, 'bad-id', 'job-not-found'],
  'own-or-admin': SIGNING_IN,
  'member-or-admin': [...SIGNING_IN, 'project-not-found'],
  admin: SIGNING_IN,
};

/** For readers of the description. */
export const ACCESS_WORDS: Readonly<Record<Access, string>> = {
  'nobody-needed': 'Anybody, without signing in.',
  'signed-in': 'Everybody who is signed in.',
  'own-job':
    'The owner of the job, and administrators; members of its project, where the site shares jobs.',
  'own-or-admin': 'The user, and administrators.',
  'member-or-admin': 'Members of the project, and administrators.',
  admin: 'Administrators.',
};

export interface AccessDeps {
  readonly deps: Pick<ApiDeps, 'store' | 'auth' | 'config'>;
  /** @throws ServiceError as `SIGNING_IN` */
  readonly signedIn: (context: Context) => Promise<Caller>;
}

type Grant = (
  context: Context,
  id: string | undefined,
  ports: AccessDeps,
  what: string,
) => Promise<unknown>;

/** @throws ServiceError as `ACCESS_ERRORS` has them */
export const GRANTS: Readonly<Record<Access, Grant>> = {
  'nobody-needed': async () => ({}),
  'signed-in': async (context, _, { signedIn }) => ({ person: await signedIn(context) }),
  'own-job': async (context, id, { deps, signedIn }) => {
    const person = await signedIn(context);
    return { person, job: await jobFor(deps, person, id) };
  },
  'own-or-admin': async (context, id, { deps, signedIn }) => {
    const person = await signedIn(context);
    return { person, user: await personFor(deps, person, id) };
  },
  'member-or-admin': async (context, id, { deps, signedIn }) => {
    const person = await signedIn(context);
    return { person, project: await projectSeenBy(deps, person, projectId(id ?? '')) };
  },
  admin: async (context, _, { signedIn }, what) => {
    const person = await signedIn(context);
    if (!person.isAdmin) throw new ServiceError('forbidden', `only administrators may ${what}`);
    return { person };
  },
};

/** The job of a path, if the asker may see it: of others' jobs not even the existence is told. */
export async function jobFor(
  deps: Pick<ApiDeps, 'store' | 'config'>,
  asker: Person,
  text: string | undefined,
): Promise<Job> {
  const id = readJobId(text);
  const job = await deps.store.job(id);
  const isTheirs = job !== undefined && (job.owner === asker.id || asker.isAdmin);
  if (job === undefined || !(isTheirs || (await isShared(deps, asker, job.project))))
    throw new ServiceError('job-not-found', `no job ${id}`, { field: 'id' });
  return job;
}

async function projectSeenBy(
  { store }: Pick<ApiDeps, 'store'>,
  asker: Person,
  id: ProjectId,
): Promise<ProjectRecord | null> {
  if (isDefaultProject(id)) return null;
  const project = await store.project(id);
  if (project === undefined || (!asker.isAdmin && !project.members.includes(asker.id)))
    throw noProject(id);
  return project;
}

/** The same whether it is there or not: who is no member learns nothing of it. */
export const noProject = (id: string, field = 'id'): ServiceError =>
  new ServiceError('project-not-found', `no project "${id.slice(0, 80)}"`, { field });
