/** Answers a request as its route declares: access, then reading, then the handler; in tests the answer is checked, too. */
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { ErrorCode } from '../contracts/errors.js';
import { ServiceError } from '../contracts/errors.js';
import { assert } from '../core/assert.js';
import { type Access, type AccessDeps, GRANTS } from './access.js';
import { readJson } from './body.js';
import { queryValue, type RouteContext } from './context.js';
import type { ApiDeps } from './deps.js';
import { fieldRefusal } from './fields.js';
import type { LoginLimits } from './login-limits.js';
import type { Answer, Call, Declaration, Fields } from './route.js';
import type { Tokens } from './tokens.js';

export interface AnswerDeps extends AccessDeps {
  readonly deps: ApiDeps;
  readonly tokens: Tokens;
  readonly logins: LoginLimits;
}

type Answering = (context: RouteContext, ports: AnswerDeps) => Promise<void>;

/** `codes`: all that an answer of the route may have. */
export function answerTo<
  A extends Access,
  P extends Fields,
  Q extends Fields,
  H extends Fields,
  B extends z.ZodType,
>(declaration: Declaration<A, P, Q, H, B>, codes: ReadonlySet<ErrorCode>): Answering {
  const { access, answers, summary, handle } = declaration;
  const what = summary.charAt(0).toLowerCase() + summary.slice(1);
  const read = readerOf(declaration);
  const bodyOf = declaration.readBody ?? ((raw: unknown) => parseBody(declaration.body, raw));
  const readBody = async ({ req }: RouteContext) => bodyOf(await readJson(req));
  const answer: Answering = async (context, ports) => {
    const { deps, tokens, logins } = ports;
    const granted = await GRANTS[access](context, context.params.id, ports, what);
    const { params, query, headers } = read(context);
    const body = declaration.body === undefined ? undefined : await readBody(context);
    const asked = { context, deps, tokens, logins, params, query, headers, body };
    // What was read has the types of the schemas that read it; what was granted, that of its word.
    const call = Object.assign(asked, granted) as unknown as Call<A, P, Q, H, z.output<B>>;
    const said = await handle(call);
    if (said !== undefined) context.body = said;
  };
  return async (context, ports) => {
    if (ports.deps.checksAnswers !== true) return answer(context, ports);
    await answer(context, ports).catch((error: unknown) => {
      if (error instanceof ServiceError)
        assert(codes.has(error.code), `${declaration.path} declares the error ${error.code}`);
      throw error;
    });
    await checkAnswer(context, declaration.path, answers);
  };
}

/** Text by text, as the schemas have it. A repeated value of the query counts as its last. */
function readerOf({
  params,
  query,
  headers,
}: {
  readonly params?: Fields;
  readonly query?: Fields;
  readonly headers?: Fields;
}) {
  const schemas = {
    params: params === undefined ? null : z.object(params),
    query: query === undefined ? null : z.object(query),
    headers: headers === undefined ? null : z.object(headers),
  };
  const header = (context: RouteContext, name: string): string | undefined => {
    const text = context.get(name);
    return text === '' ? undefined : text;
  };
  return (context: RouteContext) => ({
    params: parse(schemas.params, (name) => context.params[name]),
    query: parse(schemas.query, (name) => queryValue(context, name)),
    headers: parse(schemas.headers, (name) => header(context, name)),
  });
}

const NOTHING = Object.freeze({});

/** @throws ServiceError `bad-field` or the code that the field names */
function parse(
  schema: z.ZodObject | null,
  textOf: (name: string) => string | undefined,
): Readonly<Record<string, unknown>> {
  if (schema === null) return NOTHING;
  const found: Record<string, unknown> = {};
  for (const name of Object.keys(schema.shape)) {
    const text = textOf(name);
    if (text !== undefined) found[name] = text;
  }
  const parsed = schema.safeParse(found);
  if (!parsed.success) throw fieldRefusal(parsed.error);
  return parsed.data;
}

/** @throws ServiceError `bad-request`: no object; `bad-field` or the code that the field names */
function parseBody(schema: z.ZodType | undefined, raw: unknown): unknown {
  const parsed = schema?.safeParse(raw);
  if (parsed === undefined || parsed.success) return parsed?.data;
  if (parsed.error.issues.some(({ path }) => path.length === 0) && !isObject(raw))
    throw new ServiceError('bad-request', 'the body must be a JSON object');
  throw fieldRefusal(parsed.error);
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What was sent must be one of what the route declares, letter by letter. */
async function checkAnswer(
  context: RouteContext,
  path: string,
  answers: Readonly<Record<number, Answer | readonly Answer[]>>,
): Promise<void> {
  const said = answers[context.status];
  assert(said !== undefined, `${path} declares the status ${context.status}`);
  const type = context.response.get('Content-Type') || 'application/json';
  const kinds: readonly Answer[] = 'description' in said ? [said] : said;
  const kind = kinds.find((one) => type.startsWith(one.type) || one.type === '*/*');
  assert(kind !== undefined, `${path} declares the type ${type}`);
  if (kind.schema === null || context.method === 'HEAD') return;
  const headers = { type, tag: context.response.get('ETag') };
  const text = await textOf(context.body);
  const parsed = kind.schema.safeParse(JSON.parse(text));
  if (parsed.success) {
    if (!(context.body instanceof Readable)) return;
    context.body = text;
    context.set('Content-Type', headers.type);
    return;
  }
  assert(false, `${path} answers as declared: ${z.prettifyError(parsed.error)}: ${text}`);
}

async function textOf(body: unknown): Promise<string> {
  if (typeof body === 'string') return body;
  if (!(body instanceof Readable)) return JSON.stringify(body);
  let text = '';
  for await (const part of body) text += String(part);
  return text;
}
