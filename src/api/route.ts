/**
 * A route, declared once: what it takes, who may ask, what it answers, examples. From the declaration come the checks of
 * requests, the enforcement of access, the OpenAPI description, its page, and the tests of who may do what. Groups of routes
 * have no router: what is not declared cannot be registered.
 */
import type { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../contracts/errors.js';
import { ACCESS_ERRORS, type Access, type Granted } from './access.js';
import { type AnswerDeps, answerTo } from './answering.js';
import type { RouteContext } from './context.js';
import type { ApiDeps } from './deps.js';
import type { LoginLimits } from './login-limits.js';
import type { Tokens } from './tokens.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Chapters of the description. */
export type Tag =
  | 'sessions'
  | 'jobs'
  | 'arrays'
  | 'files'
  | 'users'
  | 'projects'
  | 'shares'
  | 'site'
  | 'nodes'
  | 'accounting'
  | 'service';

/** Named values of a path, a query or the headers, each with the schema that reads it from its text. */
export type Fields = Readonly<Record<string, z.ZodType>>;
export type None = Readonly<Record<never, z.ZodType>>;
type Values<Shape extends Fields> = { readonly [Name in keyof Shape]: z.output<Shape[Name]> };

/** One kind of success. */
export interface Answer {
  readonly description: string;
  /** Of the content. */
  readonly type: string;
  /** Of JSON; null: bytes or text. */
  readonly schema: z.ZodType | null;
}

export const json = (schema: z.ZodType, description = 'Done.'): Answer => ({
  description,
  type: 'application/json',
  schema,
});

/** Text or bytes of another type, told in tests by what the type begins with. */
export const content = (type: string, description: string): Answer => ({
  description,
  type,
  schema: null,
});

/**
 * A request as a client would send it. Tests play each one in the world of `test/api/a-world.ts`, where alice has the jobs
 * 1 (waits), 2 (runs), 3 (is over), 4 (is held), 12 and 13 (wait for uploads; 13 for none) and the arrays 5 (waits) and 9 (is over), and is with bob in the project
 * `lambda`. In bodies `$APIKEY` and `$PASSWORD` stand for hers.
 */
export interface Example {
  readonly name: string;
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Alice is a plain user, root an administrator; null: not signed in. By default who may: alice if she may. */
  readonly as?: 'alice' | 'root' | null;
  /** 200 unless told. */
  readonly status?: number;
  /** What the answer has, at least. */
  readonly answer?: unknown;
}

/** What a handler gets: everything read and checked as declared. */
export type Call<
  A extends Access,
  P extends Fields = None,
  Q extends Fields = None,
  H extends Fields = None,
  B = undefined,
> = Granted[A] & {
  /** For headers and types of the answer; what was asked stands in the rest. */
  readonly context: RouteContext;
  readonly deps: ApiDeps;
  readonly tokens: Tokens;
  readonly logins: LoginLimits;
  readonly params: Values<P>;
  readonly query: Values<Q>;
  readonly headers: Values<H>;
  readonly body: B;
};

export interface Declaration<
  A extends Access,
  P extends Fields,
  Q extends Fields,
  H extends Fields,
  B extends z.ZodType,
> {
  readonly method: Method;
  /** Another method that does the same, for old clients. */
  readonly also?: Method;
  /** Below `/api/1.0`, as the router takes it: `/task/:id`. */
  readonly path: string;
  /** Outside of `/api/1.0`. */
  readonly isAtRoot?: boolean;
  /** What it does, as an order: "Show a job". After "only administrators may" it must read well. */
  readonly summary: string;
  readonly description?: string;
  readonly tag: Tag;
  readonly access: A;
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: H;
  /** Of the JSON body; one that takes undefined takes an empty body. */
  readonly body?: B;
  /** Instead of the usual reading by the schema. @throws ServiceError */
  readonly readBody?: (raw: unknown) => z.output<B>;
  /** Successes by status. */
  readonly answers: Readonly<Record<number, Answer | readonly Answer[]>>;
  /** What the handler refuses with, besides what access and reading refuse with. */
  readonly errors?: readonly ErrorCode[];
  /** The first one succeeds, unless this version refuses in every case. */
  readonly examples: readonly [Example, ...Example[]];
  /** Gives the body of the answer; undefined: it was set on the context. */
  readonly handle: (call: Call<A, P, Q, H, z.output<B>>) => unknown;
}

/** Of declared routes, and of nothing else: it is not exported. */
const declared: unique symbol = Symbol('declared');

/** A declared route. Only `route` makes them. */
export interface Route
  extends Omit<
    Declaration<Access, Fields, Fields, Fields, z.ZodType>,
    'handle' | 'readBody' | 'errors' | 'also'
  > {
  readonly [declared]: true;
  /** With the prefix. */
  readonly path: string;
  readonly methods: readonly Method[];
  /** Every code that an answer may have, in the order of the list of all codes. */
  readonly errors: readonly ErrorCode[];
  readonly answer: (context: RouteContext, ports: AnswerDeps) => Promise<void>;
}

export const API_PREFIX = '/api/1.0';

export function route<
  A extends Access,
  P extends Fields = None,
  Q extends Fields = None,
  H extends Fields = None,
  B extends z.ZodType = z.ZodUndefined,
>(declaration: Declaration<A, P, Q, H, B>): Route {
  const { handle: _handle, readBody: _readBody, also, ...facts } = declaration;
  const { isAtRoot, path, method } = declaration;
  const errors = errorsOf(declaration);
  return {
    [declared]: true,
    ...facts,
    path: isAtRoot === true ? path : `${API_PREFIX}${path}`,
    methods: also === undefined ? [method] : [method, also],
    errors,
    answer: answerTo(declaration, new Set(errors)),
  };
}

/** What any request may meet. */
const ALWAYS: readonly ErrorCode[] = ['internal', 'store-unavailable'];
const OF_PATHS: readonly ErrorCode[] = ['bad-path', 'route-not-found'];
const OF_BODIES: readonly ErrorCode[] = ['bad-json', 'bad-request', 'bad-field', 'too-large'];

function errorsOf({
  access,
  params,
  query,
  headers,
  body,
  errors = [],
}: Pick<
  Declaration<Access, Fields, Fields, Fields, z.ZodType>,
  'access' | 'params' | 'query' | 'headers' | 'body' | 'errors'
>): readonly ErrorCode[] {
  const isAsked = access !== 'nobody-needed';
  const reads = params !== undefined || query !== undefined || headers !== undefined;
  const all = new Set<ErrorCode>([
    ...ALWAYS,
    ...ACCESS_ERRORS[access],
    ...(isAsked ? (['auth-unavailable'] as const) : []),
    ...(params === undefined ? [] : OF_PATHS),
    ...(reads ? (['bad-field', 'bad-request'] as const) : []),
    ...(body === undefined ? [] : OF_BODIES),
    ...errors,
  ]);
  return ERROR_CODES.filter((code) => all.has(code));
}
