/** `key …`: the API keys of oneself; administrators say whose. */
import { hostname } from 'node:os';
import { type Doc, readDocs, shown } from '../account-view.js';
import type { Client } from '../client.js';
import { type CommonOptions, type Context, connect, printJson, tell } from '../context.js';
import type { Secret } from '../credentials.js';
import { EXIT } from '../exit-codes.js';
import { Failure, Refused } from '../failure.js';
import { type Column, table } from '../table.js';
import { isRecord } from '../wire.js';
import { localTime } from '../words.js';

export interface KeyOptions extends CommonOptions {
  /** Whose; default: one's own. */
  readonly user?: string;
}

export interface NewKeyOptions extends KeyOptions {
  readonly scope?: readonly string[];
  readonly expiresIn?: string;
}

/** Life of the key that a login makes. */
const LOGIN_KEY_LIFE = '90d';
/** Other logins from machines of that name. */
const NAMES_TRIED_MAX = 20;

const keysOf = (login: string): string => `user/${encodeURIComponent(login)}/keys`;

export async function listKeys(context: Context, options: KeyOptions): Promise<number> {
  const client = connect(context);
  const found = await client.json('GET', keysOf(options.user ?? client.user));
  if (options.json === true) await printJson(context, found);
  else await context.terminal.out(table(readDocs(found, 'key'), COLUMNS, context.terminal.columns));
  return EXIT.ok;
}

/** The key alone goes to standard output, so that it can be piped into a file. */
export async function createKey(
  context: Context,
  name: string,
  options: NewKeyOptions,
): Promise<number> {
  const client = connect(context);
  const made = await make(client, options.user ?? client.user, {
    name,
    ...(options.scope === undefined ? {} : { scopes: options.scope }),
    ...(options.expiresIn === undefined ? {} : { expires_in: options.expiresIn }),
  });
  if (options.json === true) await printJson(context, made.said);
  else {
    tell(context, `the key "${name}" is shown this once`);
    await context.terminal.out(`${made.apikey}\n`);
  }
  return EXIT.ok;
}

export async function revokeKey(
  context: Context,
  word: string,
  options: KeyOptions,
): Promise<number> {
  const client = connect(context);
  const path = `${keysOf(options.user ?? client.user)}/${encodeURIComponent(word)}`;
  const said = await client.json('DELETE', path);
  if (options.json === true) await printJson(context, said);
  else tell(context, `the key "${word}" is revoked, and what was obtained with it`);
  return EXIT.ok;
}

/**
 * A key of this machine's own, so that it can be revoked alone; null: the server makes none for this login, which then lasts as
 * long as its session.
 */
export async function keyOfThisMachine(client: Client, login: string): Promise<Secret | null> {
  const host = hostname().replace(/[^\w.-]/g, '') || 'machine';
  for (let number = 1; number <= NAMES_TRIED_MAX; number++) {
    const name = number === 1 ? `god@${host}` : `god@${host}-${number}`;
    try {
      const { apikey, id } = await make(client, login, { name, expires_in: LOGIN_KEY_LIFE });
      return { kind: 'apikey', apikey, ...(id === undefined ? {} : { keyId: id }) };
    } catch (error) {
      // Older servers know no such route; limited accounts get no key.
      if (!(error instanceof Refused)) throw error;
      if (error.status !== 409) return null;
    }
  }
  return null;
}

async function make(
  client: Client,
  login: string,
  body: object,
): Promise<{ readonly said: unknown; readonly apikey: string; readonly id: string | undefined }> {
  const said = await client.json('POST', keysOf(login), { body });
  if (!isRecord(said) || typeof said.apikey !== 'string')
    throw new Failure(EXIT.protocol, 'the server made a key and did not tell it');
  return { said, apikey: said.apikey, id: typeof said.id === 'string' ? said.id : undefined };
}

const time = (value: unknown, none: string): string =>
  typeof value === 'number' ? localTime(value * 1_000) : none;

const COLUMNS: readonly Column<Doc>[] = [
  { title: 'KEY', value: ({ name }) => shown(name), widthMin: 8 },
  {
    title: 'GOOD FOR',
    value: ({ scopes }) => (Array.isArray(scopes) ? scopes.join(', ') : 'everything'),
  },
  { title: 'MADE', value: ({ created }) => time(created, '-') },
  { title: 'ENDS', value: ({ expires }) => time(expires, 'never') },
  { title: 'USED', value: ({ used }) => time(used, '-') },
  { title: 'ID', value: ({ id }) => shown(id), widthMin: 8 },
];
