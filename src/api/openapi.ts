/** The OpenAPI 3.1 description of the declared routes. What it says of requests is what checks them. */
import { z } from 'zod';
import { ERROR_CODES, type ErrorCode, ServiceError } from '../contracts/errors.js';
import { ACCESS_WORDS } from './access.js';
import { WIRE } from './fields.js';
import type { Answer, Example, Fields, Method, Route } from './route.js';

export type Json = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Json;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** As the route declares it: see `Access`. */
  readonly 'x-access': string;
  readonly security: readonly Json[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Json;
  readonly responses: Readonly<Record<string, Json>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Json;
}

const TAGS: Readonly<Record<Route['tag'], string>> = {
  sessions: 'Signing in.',
  jobs: 'Jobs: submitted, shown, held, killed.',
  arrays: 'Job arrays and their members.',
  files: 'Files of jobs.',
  users: 'Users and their quotas.',
  projects: 'Projects, their members and quotas.',
  shares: 'Who used what, and who is next.',
  site: 'What the site offers.',
  nodes: 'The nodes of the site.',
  accounting: 'What was used and what it costs.',
  service: 'The service itself.',
};

const INTRODUCTION = [
  'Sign in with `POST /api/1.0/authenticate` and send the token in the header `Authorization: Bearer TOKEN`.',
  'Success is 200. A refusal is a `Problem`: its `code` never changes its meaning, `msg` is for people, `field` names what was wrong.',
  'What belongs to others reads as what does not exist. Keys that a request has too many are let pass; answers may get more keys.',
].join('\n\n');

/** @param prefix of all paths, as configured: `/god`, or empty */
export function openApi(
  routes: readonly Route[],
  { version, prefix }: { readonly version: string; readonly prefix: string },
): OpenApiDocument {
  const schemas = new Schemas();
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes)
    for (const method of route.methods) {
      const path = pathOf(route);
      paths[path] = { ...paths[path], [method.toLowerCase()]: operation(route, method, schemas) };
    }
  return {
    openapi: '3.1.0',
    info: {
      title: 'GoDocker',
      version,
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: prefix === '' ? '/' : prefix }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { Problem: PROBLEM, ...schemas.named },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

/** `/task/:id/files/*path` as `/task/{id}/files/{path}`. */
export const pathOf = ({ path }: Pick<Route, 'path'>): string => path.replace(/[:*](\w+)/g, '{$1}');

/** `GET /api/1.0/task/{id}/why` as `get-task-id-why`. */
export const idOf = (route: Pick<Route, 'path'>, method: Method): string =>
  [method.toLowerCase(), ...(pathOf(route).replace('/api/1.0', '').match(/\w+/g) ?? [])].join('-');

function operation(route: Route, method: Method, schemas: Schemas): Operation {
  const { summary, description, tag, access, params, query, headers, body } = route;
  const isOpen = access === 'nobody-needed';
  const parameters = [
    ...parametersOf('path', params, route, schemas),
    ...parametersOf('query', query, route, schemas),
    ...parametersOf('header', headers, route, schemas),
  ];
  return {
    operationId: idOf(route, method),
    summary,
    description: [
      ...(description === undefined ? [] : [description]),
      `Who may: ${ACCESS_WORDS[access]}`,
    ].join('\n\n'),
    tags: [tag],
    'x-access': access,
    security: isOpen ? [] : [{ token: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: bodyOf(route, body, schemas) }),
    responses: { ...successes(route, schemas), ...problems(route.errors) },
  };
}

function parametersOf(
  where: Parameter['in'],
  fields: Fields | undefined,
  { examples }: Route,
  schemas: Schemas,
): readonly Parameter[] {
  return Object.entries(fields ?? {}).map(([name, schema]) => {
    const { description, ...rest } = schemas.of(schema, 'input');
    const given = { path: 'params', query: 'query', header: 'headers' } as const;
    const [example] = examples.flatMap((one) => one[given[where]]?.[name] ?? []);
    return {
      name,
      in: where,
      required: where === 'path' || !schema.safeParse(undefined).success,
      ...(typeof description === 'string' ? { description } : {}),
      schema: rest,
      ...(example === undefined ? {} : { example }),
    };
  });
}

const isShown = ({ body, status = 200 }: Example): boolean => body !== undefined && status === 200;

const bodyOf = ({ examples }: Route, schema: z.ZodType, schemas: Schemas): Json => ({
  required: !schema.safeParse(undefined).success,
  content: {
    'application/json': {
      schema: schemas.of(schema, 'input'),
      examples: Object.fromEntries(
        examples.filter(isShown).map(({ name, body }) => [name, { value: body }]),
      ),
    },
  },
});

function successes({ answers }: Route, schemas: Schemas): Readonly<Record<string, Json>> {
  const told: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(answers)) {
    const kinds: readonly Answer[] = 'description' in answer ? [answer] : answer;
    told[status] = {
      description: kinds.map(({ description }) => description).join(' '),
      content: Object.fromEntries(
        kinds.map(({ type, schema }) => [
          type,
          schema === null
            ? { schema: { type: 'string' } }
            : { schema: schemas.of(schema, 'output') },
        ]),
      ),
    };
  }
  return told;
}

const PROBLEM: Json = {
  type: 'object',
  description: 'A refusal. Other facts of it stand in keys of their own.',
  properties: {
    code: { type: 'string', enum: ERROR_CODES },
    msg: { type: 'string', description: 'A sentence for people.' },
    field: { type: 'string', description: 'What was wrong.' },
    request_id: { type: 'string', description: 'As in the header `X-Request-Id` and in the log.' },
  },
  required: ['code', 'msg'],
};

/** Codes by the status they are sent with. */
function problems(codes: readonly ErrorCode[]): Readonly<Record<string, Json>> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = new ServiceError(code, '');
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      status,
      {
        description: `Refused: ${all.join(', ')}.`,
        content: {
          'application/json': {
            schema: {
              allOf: [
                { $ref: '#/components/schemas/Problem' },
                { properties: { code: { enum: all } } },
              ],
            },
          },
        },
      },
    ]),
  );
}

/** JSON schemas; those with a name stand once, among the components. */
class Schemas {
  readonly named: Record<string, unknown> = {};

  of(schema: z.ZodType, io: 'input' | 'output'): Json {
    const made: Json = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
    const { $schema: _, $defs = {}, ...rest } = made;
    for (const [name, definition] of Object.entries($defs as Json))
      this.named[name] = told(definition, io);
    return told(rest, io) as Json;
  }
}

/**
 * A schema as clients should read it: where `wire` says how a value is written, that; answers without "no other keys", since
 * they may get more one day; references as references into the document.
 */
function told(found: unknown, io: 'input' | 'output'): unknown {
  if (Array.isArray(found)) return found.map((one) => told(one, io));
  if (typeof found !== 'object' || found === null) return found;
  const { [WIRE]: wire, ...all } = found as Record<string, unknown>;
  if (wire !== undefined)
    return { ...(wire as Json), ...('description' in all ? { description: all.description } : {}) };
  if (io === 'output' && all.additionalProperties === false) delete all.additionalProperties;
  // The pattern of a format says nothing more.
  if ('format' in all && 'pattern' in all) delete all.pattern;
  if (typeof all.$ref === 'string')
    return { ...all, $ref: all.$ref.replace('#/$defs/', '#/components/schemas/') };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, told(value, io)]));
}
