/** Who we are and which server we talk to: from the environment, a saved login, or the service of this folder. */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import type { Terminal } from './terminal.js';

export type Secret =
  /** `keyId`: of a key that a login of this machine made for itself. */
  | { readonly kind: 'apikey'; readonly apikey: string; readonly keyId?: string }
  /** From a password login at a server that hands out no key; it ends with the session. */
  | { readonly kind: 'token'; readonly token: string };

export interface Login {
  /** Base URL without a slash at its end. */
  readonly server: string;
  readonly user: string;
  readonly secret: Secret;
  /** Where it was found, for messages. */
  readonly from: string;
}

type Place = Pick<Terminal, 'env' | 'directory' | 'home' | 'uid'>;

/** The login in force; undefined when there is none. An explicit choice wins over a saved one. */
export function findLogin(place: Place): Login | undefined {
  return fromEnvironment(place) ?? fromHome(place) ?? fromFile(place) ?? fromFolder(place);
}

/** As `findLogin`, but no login is a failure that says what to do. */
export function requireLogin(place: Place): Login {
  const login = findLogin(place);
  if (login !== undefined) return login;
  throw new Failure(
    EXIT.notAllowed,
    'not logged in. Use "god login", or run god in the folder where "npm start" is running',
  );
}

export function credentialsFile({ env, home }: Pick<Place, 'env' | 'home'>): string {
  return join(env.XDG_CONFIG_HOME || join(home, '.config'), 'godocker', 'credentials.json');
}

/** Keeps a login for later commands, readable by its owner only. Returns the file's path. */
export function saveLogin(place: Place, login: Omit<Login, 'from'>): string {
  const file = credentialsFile(place);
  const { server, user, secret } = login;
  const record =
    secret.kind === 'apikey'
      ? {
          ...{ server, user, apikey: secret.apikey },
          ...(secret.keyId === undefined ? {} : { key_id: secret.keyId }),
        }
      : { server, user, token: secret.token };
  const fresh = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    rmSync(fresh, { force: true });
    writeFileSync(fresh, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(fresh, file);
  } catch (cause) {
    throw new Failure(EXIT.localFile, `cannot write ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
  return file;
}

/** The saved login, whatever else is in force; undefined when there is none. */
export const savedLogin = (place: Place): Login | undefined => fromFile(place);

/** Forgets the saved login; false when there was none. */
export function forgetLogin(place: Place): boolean {
  const file = credentialsFile(place);
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return false;
  rmSync(file);
  return true;
}

/** A server address as typed, with its scheme and without the slash at its end. */
export function serverUrl(typed: string): string {
  const text = /^[a-z]+:\/\//i.test(typed) ? typed : `https://${typed}`;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new Failure(EXIT.usage, `"${typed}" is not the address of a server`);
  const url = new URL(text);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/app$/, '');
}

/** True when the key would cross a network that others can read. */
export function isPlainOverNetwork(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return protocol === 'http:' && !isLoopback;
}

function fromEnvironment({ env }: Place): Login | undefined {
  const [server, user, apikey] = [env.GOD_SERVER, env.GOD_USER, env.GOD_APIKEY];
  if (!server && !user && !apikey) return undefined;
  if (!server || !user || !apikey)
    throw new Failure(EXIT.usage, 'set GOD_SERVER, GOD_USER and GOD_APIKEY together, or none');
  return {
    server: serverUrl(server),
    user,
    secret: { kind: 'apikey', apikey },
    from: 'the environment',
  };
}

function fromFile(place: Place): Login | undefined {
  const file = credentialsFile(place);
  const saved = readJson(file, place.uid);
  if (saved === undefined) return undefined;
  const { server, user, apikey, token, key_id: keyId } = saved;
  const secret: Secret | undefined = apikey
    ? { kind: 'apikey', apikey, ...(keyId === undefined ? {} : { keyId }) }
    : token
      ? { kind: 'token', token }
      : undefined;
  if (!server || !user || secret === undefined)
    throw new Failure(EXIT.notAllowed, `${file} is incomplete. Use "god login" again`);
  return { server: serverUrl(server), user, secret, from: file };
}

function fromHome(place: Place): Login | undefined {
  const home = place.env.GODOCKER_HOME;
  return home ? fromService(resolve(place.directory, home), place.uid) : undefined;
}

function fromFolder(place: Place): Login | undefined {
  return fromService(join(place.directory, '.godocker'), place.uid);
}

/** The service that was started in a folder leaves its address and first account there. */
function fromService(home: string, uid: number | null): Login | undefined {
  const admin = readJson(join(home, 'admin.json'), uid);
  if (admin === undefined) return undefined;
  const endpoints = readJson(join(home, 'endpoints.json'), uid);
  if (endpoints === undefined)
    throw new Failure(
      EXIT.unreachable,
      `the service of ${home} is not running. Start it with "npm start"`,
    );
  if (!endpoints.web || !admin.user || !admin.apikey)
    throw new Failure(EXIT.notAllowed, `${home} is incomplete. Use "god login"`);
  return {
    server: serverUrl(endpoints.web),
    user: admin.user,
    secret: { kind: 'apikey', apikey: admin.apikey },
    from: home,
  };
}

/** The strings of a JSON object in a file that is ours alone to change; undefined when there is no file. */
function readJson(file: string, uid: number | null): Record<string, string> | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (!found.isFile() || (uid !== null && (found.uid !== uid || (found.mode & 0o022) !== 0)))
    // Somebody else could have put it there to receive our scripts.
    throw new Failure(EXIT.notAllowed, `${file} is not used: others can write it, or own it`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Failure(EXIT.localFile, `cannot read ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const strings = Object.entries(parsed ?? {}).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(strings);
}
