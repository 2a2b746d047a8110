/** Acts of callers in the audit log: their entries stand before the acts happen, and no entry means no act. */
import type { AuditNote } from '../contracts/audit.js';
import { ServiceError } from '../contracts/errors.js';
import type { SignInWay } from '../contracts/events.js';
import { actorOf } from './caller.js';
import type { Asker, Context, Handler } from './context.js';
import type { ApiDeps } from './deps.js';

type Act = Pick<AuditNote, 'act' | 'subject'> & Partial<Pick<AuditNote, 'facts'>>;
interface Asked {
  readonly context: Context;
  readonly deps: Pick<ApiDeps, 'audit' | 'clock' | 'log'>;
}

/**
 * Writes the entry, then acts. An act that fails has a second entry, `failed`, with the number of the first: so what the log tells as done may
 * not have happened, if the process died in between, and nothing has happened that it does not tell.
 * @throws ServiceError store-unavailable: nothing was done; or what `work` throws
 */
export async function audited<T>(asked: Asked, act: Act, work: () => Promise<T>): Promise<T> {
  const { audit, log } = asked.deps;
  const { chained } = await audit.write(noteOf(asked, act));
  try {
    return await work();
  } catch (error) {
    const code = error instanceof ServiceError ? error.code : 'internal';
    const failed = { ...act, facts: { entry: chained.seq, code } };
    await audit.write({ ...noteOf(asked, failed), outcome: 'failed' }).catch((cause: unknown) =>
      log.error('an act failed, and its entry in the audit log could not be told so', {
        entry: chained.seq,
        cause,
      }),
    );
    throw error;
  }
}

/** For acts on what belongs to somebody: what users do with their own is not in the log. */
export const auditedUnlessOwn = <T>(
  asked: Asked,
  owner: string,
  act: Act,
  work: () => Promise<T>,
): Promise<T> => (isOwn(callerOf(asked.context), owner) ? work() : audited(asked, act, work));

/** Not whoever acts for the owner: both names belong into the log. */
const isOwn = (asker: Asker | undefined, owner: string): boolean =>
  asker?.person.id === owner && asker.person.actor === null;

/** Somebody signed in with a password: the entry comes first, but a log that cannot be written keeps nobody out. */
export async function auditSignIn(asked: Asked, user: string): Promise<void> {
  const { audit, log } = asked.deps;
  const note = { ...noteOf(asked, SIGN_IN(user)), actor: user, via: 'password' as const };
  await audit.write(note).then(
    () => {},
    (cause: unknown) => {
      log.warn('a sign-in will be told to the audit log later', { cause });
      audit.tell(note);
    },
  );
}

/** The same with an API key: clients do so all the time, and nobody waits for it. */
export function tellKeySignIn(asked: Asked, user: string, keyId: string): void {
  asked.deps.audit.tell({ ...noteOf(asked, SIGN_IN(user)), actor: user, via: 'key', keyId });
}

const SIGN_IN = (user: string): Act => ({
  act: 'session.open',
  subject: { kind: 'user', id: user },
});

/** A login that is none may be a password in the wrong place: it is not kept. */
export function tellRefusedSignIn(asked: Asked, login: string, by: SignInWay): void {
  const isLogin = /^[\w.@-]{1,64}$/.test(login);
  const note = noteOf(asked, {
    act: 'session.refused',
    subject: isLogin ? { kind: 'user', id: login } : null,
    facts: { by, ...(isLogin ? {} : { login: 'no login at all' }) },
  });
  asked.deps.audit.tell({ ...note, outcome: 'refused', actor: null, via: 'none', keyId: null });
}

/** Who is signed in and asks for what only others may do. */
export function refusalsTold(deps: Asked['deps']): Handler {
  return async (context, next) => {
    try {
      await next();
    } catch (error) {
      const isRefused = error instanceof ServiceError && error.code === 'forbidden';
      if (isRefused && callerOf(context) !== undefined) {
        const matched: unknown = context.routerPath ?? context._matchedRoute;
        const path = typeof matched === 'string' ? matched : context.path;
        const id = `${context.method} ${path}`;
        const note = noteOf(
          { context, deps },
          { act: 'policy.refused', subject: { kind: 'route', id }, facts: { why: error.message } },
        );
        deps.audit.tell({ ...note, outcome: 'refused' });
      }
      throw error;
    }
  };
}

function noteOf({ context, deps }: Asked, { act, subject, facts = {} }: Act): AuditNote {
  const caller = callerOf(context);
  return {
    ...{ at: deps.clock.now(), act, subject, facts, outcome: 'done', count: 1 },
    actor: caller === undefined ? null : actorOf(caller.person),
    actingFor: caller === undefined || caller.person.actor === null ? null : caller.person.id,
    via: caller === undefined ? 'none' : 'token',
    keyId: caller?.keyId ?? null,
    requestId: context.state.requestId ?? null,
    remote: context.ip === '' ? null : context.ip,
  };
}

const callerOf = (context: Context): Asker | undefined => context.state.caller;
