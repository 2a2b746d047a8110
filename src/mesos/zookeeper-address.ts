/** Addresses around ZooKeeper: `zk://…` as operators write it, and the master that a node under its path names. */
import { ServiceError } from '../contracts/errors.js';
import { SCHEDULER_PATH, type Target } from './subscription.js';

export interface ZooKeeperServer {
  readonly host: string;
  readonly port: number;
}

export interface ZooKeeperAddress {
  /** At least one; any of them knows. */
  readonly servers: readonly ZooKeeperServer[];
  /** Where the masters have their nodes; without a slash at the end, unless it is the root. */
  readonly path: string;
  /** `user:password`, or null. */
  readonly login: string | null;
}

const PORT = 2181;
const SERVER = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/;

export const isZooKeeper = (master: string): boolean => master.startsWith('zk://');

/**
 * Reads `zk://host:port,host:port/path`; `user:password@` may stand before the first host.
 * @throws ServiceError when it is none. The message holds no password.
 */
export function zooKeeperAddress(text: string): ZooKeeperAddress {
  const parts = /^zk:\/\/(?:([^/]*)@)?([^/@]+)(\/.*)?$/.exec(text);
  const servers = (parts?.[2] ?? '').split(',').map(serverOf);
  const path = parts?.[3]?.replace(/\/+$/, '') ?? '';
  if (servers.includes(undefined) || /\/\//.test(path))
    throw new ServiceError('bad-field', 'not an address as zk://host:port,host:port/path', {
      servers: parts?.[2] ?? null,
    });
  return {
    servers: servers.filter((server) => server !== undefined),
    path: path === '' ? '/' : path,
    login: parts?.[1] ?? null,
  };
}

function serverOf(text: string): ZooKeeperServer | undefined {
  const [, bracketed, plain, digits] = SERVER.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? PORT : Number(digits);
  return host === undefined || port === 0 || port > 65_535 ? undefined : { host, port };
}

/** Candidates other than the first stand by; nodes of other names are the masters' own business. */
const CANDIDATE = /^json\.info_(\d+)$/;

/** The node of the leading master: the candidate that came first. Undefined: none stands. */
export function leadingNode(children: readonly string[]): string | undefined {
  let first: { readonly name: string; readonly sequence: number } | undefined;
  for (const name of children) {
    const digits = CANDIDATE.exec(name)?.[1];
    if (digits === undefined) continue;
    const sequence = Number(digits);
    if (first === undefined || sequence < first.sequence) first = { name, sequence };
  }
  return first?.name;
}

/**
 * Where the master answers that wrote this node (MasterInfo as JSON). The node tells no scheme. Certificates are for
 * names, so `https` prefers the host name; `http` the IP address, which needs no name server.
 * Undefined: no usable address in it.
 */
export function masterIn(data: Buffer, scheme: 'http' | 'https'): Target | undefined {
  const info = record(json(data));
  const address = record(info?.address);
  const port = address?.port ?? info?.port;
  const hostname = word(address?.hostname) ?? word(info?.hostname);
  const ip = word(address?.ip) ?? littleEndian(info?.ip);
  const host = scheme === 'https' ? (hostname ?? ip) : (ip ?? hostname);
  if (host === undefined || typeof port !== 'number' || !Number.isInteger(port)) return undefined;
  if (port < 1 || port > 65_535) return undefined;
  const origin = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(origin)) return undefined;
  return { origin: new URL(origin).origin, path: SCHEDULER_PATH };
}

function json(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    return undefined; // Told by the caller as a node without a usable address.
  }
}

const record = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null ? { ...value } : undefined;

const word = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\w.:-]+$/.test(value) ? value : undefined;

/** Masters before `address` came into use wrote the IP address as a number, its first byte the lowest. */
const littleEndian = (value: unknown): string | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0
    ? [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff).join('.')
    : undefined;
