// Talks LDAP: one connection for searches, made anew when it breaks, and a fresh one for each password.
import type { EventEmitter } from 'node:events';
import type { ConnectionOptions } from 'node:tls';
import ldapjs, { type Client, type SearchEntry } from 'ldapjs';
import { ServiceError } from '../../src/contracts/errors.js';
import type { Log } from '../../src/contracts/log.js';
import type { LdapOptions } from './options.js';

export interface Entry {
  readonly dn: string;
  /** By name in lower case. */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

export interface Search {
  readonly base: string;
  readonly filter: string;
  readonly attributes: readonly string[];
  /** More entries than this are cut off. */
  readonly limit: number;
}

type DirectoryOptions = Pick<LdapOptions, 'servers' | 'startTls' | 'ca' | 'admin' | 'timeoutMs'>;

/** Answers of a server that works: this is not who they say they are. Names as ldapjs has them. */
const REFUSALS = new Set([
  'InvalidCredentialsError',
  'NoSuchObjectError',
  'UnwillingToPerformError',
  'InappropriateAuthenticationError',
  'InsufficientAccessRightsError',
  'InvalidDnSyntaxError',
  'ConstraintViolationError',
]);
const SIZE_LIMIT = 'SizeLimitExceededError';

export class Directory {
  readonly #options: DirectoryOptions;
  readonly #log: Log;
  #searcher: Promise<Client> | undefined;
  /** Of the server that answered last. */
  #at = 0;

  constructor(options: DirectoryOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** @throws ServiceError auth-unavailable, also where the base is not there: nobody is gone because of a mistake of ours. */
  async search(search: Search): Promise<readonly Entry[]> {
    const isOld = this.#searcher !== undefined;
    try {
      return await this.#searchOnce(search);
    } catch (error) {
      // A connection that was kept may have been closed by the other side meanwhile.
      if (!isOld) throw unavailable(error);
    }
    try {
      return await this.#searchOnce(search);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Whether the password opens the entry. @throws ServiceError auth-unavailable */
  async opens(dn: string, password: string): Promise<boolean> {
    // Servers take a bind without a password for an anonymous one, and say yes.
    if (password === '' || dn === '') return false;
    let client: Client | undefined;
    try {
      client = await this.#connect();
      await bind(client, dn, password);
      return true;
    } catch (error) {
      if (REFUSALS.has((error as Error).name)) return false;
      throw unavailable(error);
    } finally {
      client?.destroy();
    }
  }

  stop(): void {
    this.#searcher?.then(
      (client) => client.destroy(),
      () => {},
    );
    this.#searcher = undefined;
  }

  async #searchOnce(search: Search): Promise<readonly Entry[]> {
    this.#searcher ??= this.#connect(this.#options.admin);
    const searcher = this.#searcher;
    try {
      return await entriesOf(await searcher, search, this.#options.timeoutMs);
    } catch (error) {
      if (this.#searcher === searcher) this.#searcher = undefined;
      searcher.then(
        (client) => client.destroy(),
        () => {},
      );
      throw error;
    }
  }

  /** The first server that answers, beginning with the one that did last. */
  async #connect(as: LdapOptions['admin'] = null): Promise<Client> {
    const { servers } = this.#options;
    let last: unknown;
    for (let tried = 0; tried < servers.length; tried++) {
      const index = (this.#at + tried) % servers.length;
      const server = servers[index];
      if (server === undefined) continue;
      try {
        const client = await this.#open(server);
        if (as !== null) await bindOrClose(client, as);
        this.#at = index;
        return client;
      } catch (error) {
        last = error;
        this.#log.warn('a server of the directory does not serve', {
          server: server.url,
          detail: (error as Error).message,
        });
      }
    }
    throw last;
  }

  async #open({ url, host }: LdapOptions['servers'][number]): Promise<Client> {
    const { ca, startTls, timeoutMs } = this.#options;
    const tls: ConnectionOptions = { host, ...(ca === null ? {} : { ca: [ca] }) };
    const client = ldapjs.createClient({
      url,
      timeout: timeoutMs,
      // Half of it: another server may have to answer in what is left.
      connectTimeout: Math.ceil(timeoutMs / 2),
      reconnect: false,
      tlsOptions: tls,
    });
    try {
      await connected(client);
      if (startTls)
        await within(timeoutMs, (done) => client.starttls({ ...tls }, [], (error) => done(error)));
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }
}

function connected(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('connect', () => resolve());
    // Later ones, of a connection that breaks, are told by the calls that were under way.
    for (const event of ['connectError', 'connectTimeout', 'connectRefused', 'error'])
      client.on(event, (error?: Error) => reject(error ?? new Error(event)));
    client.on('close', () => reject(new Error('the connection was closed')));
  });
}

const bind = (client: Client, dn: string, password: string): Promise<void> =>
  new Promise((resolve, reject) => {
    client.on('close', () => reject(new Error('the connection was closed')));
    client.bind(dn, password, (error) => (error === null ? resolve() : reject(error)));
  });

async function bindOrClose(
  client: Client,
  { dn, password }: NonNullable<LdapOptions['admin']>,
): Promise<void> {
  try {
    await bind(client, dn, password);
  } catch (error) {
    client.destroy();
    throw error;
  }
}

function entriesOf(client: Client, search: Search, timeoutMs: number): Promise<readonly Entry[]> {
  const { base, filter, attributes, limit } = search;
  const found: Entry[] = [];
  let closed = () => {};
  return within(timeoutMs, (done) => {
    closed = () => done(new Error('the connection was closed'));
    client.once('close', closed);
    const options = { scope: 'sub', filter, attributes, sizeLimit: limit } as const;
    client.search(base, options, (error, answer: EventEmitter) => {
      if (error !== null) return done(error);
      answer.on('searchEntry', (entry: SearchEntry) => found.push(entryOf(entry)));
      answer.on('error', (trouble: Error) => done(trouble.name === SIZE_LIMIT ? null : trouble));
      answer.on('end', () => done(null));
    });
  })
    .then(() => found)
    .finally(() => client.off('close', closed));
}

const entryOf = ({ objectName, attributes }: SearchEntry): Entry => ({
  dn: objectName.toString(),
  attributes: new Map(attributes.map(({ type, values }) => [type.toLowerCase(), values])),
});

/** Gives up after a while: a server that says nothing must not hold a request. */
function within(ms: number, work: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    work((error) => {
      clearTimeout(limit);
      if (error === null) resolve();
      else reject(error);
    });
  });
}

const unavailable = (cause: unknown): ServiceError =>
  new ServiceError(
    'auth-unavailable',
    'the directory of users does not answer: try again in a while',
    {},
    { cause },
  );
