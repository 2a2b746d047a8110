/** Where the masters of a cluster are: in a list of addresses, or in ZooKeeper. */
import { ServiceError } from '../contracts/errors.js';
import { SCHEDULER_PATH, type Scheme, type Target, targetOf } from './subscription.js';

export interface ZooKeeperAddress {
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** Of the node under which masters register, as `/mesos`. */
  readonly path: string;
  /** `user:password`, or null. */
  readonly credentials: string | null;
}

export type MasterAddress =
  | { readonly kind: 'list'; readonly masters: readonly string[] }
  | { readonly kind: 'zookeeper'; readonly zookeeper: ZooKeeperAddress };

const ZOOKEEPER_PORT = 2181;
const FORM = 'zk://host:port,host:port/path';

/**
 * `host:port` or `http(s)://host:port`, several with commas; or `zk://[user:password@]host:port,host:port/path`.
 * @param scheme of addresses that name none.
 * @throws ServiceError when it is neither.
 */
export function masterAddress(text: string, scheme: Scheme = 'http'): MasterAddress {
  if (text.startsWith('zk://')) return { kind: 'zookeeper', zookeeper: zooKeeperAddress(text) };
  const masters = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (masters.length === 0) throw bad(text, 'host:port of a Mesos master');
  return { kind: 'list', masters: masters.map((master) => targetOf(master, scheme).origin) };
}

function zooKeeperAddress(text: string): ZooKeeperAddress {
  const parts = /^zk:\/\/(?:([^@/]+)@)?([^/@]+)(\/[^\s]*[^\s/])\/?$/.exec(text);
  const [, credentials, hosts = '', path = ''] = parts ?? [];
  if (parts === null || path.includes('//')) throw bad(text, FORM);
  const servers = hosts.split(',').map((server) => {
    const found = /^(\[[\da-fA-F:]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(server.trim());
    const port = Number(found?.[2] ?? ZOOKEEPER_PORT);
    if (found?.[1] === undefined || port > 65_535) throw bad(text, FORM);
    return { host: found[1].replace(/^\[|\]$/g, ''), port };
  });
  return { servers, path, credentials: credentials ?? null };
}

/** The name of the password stays out of messages: they end up in logs. */
const bad = (text: string, wanted: string): ServiceError => {
  const shown = text.replace(/\/\/[^@/]*@/, '//…@');
  return new ServiceError('bad-field', `"${shown}" is not ${wanted}`, { master: shown });
};

const LABEL = 'json.info_';

/** The node of the leading master among the children of the masters' node: the one that registered first. */
export function leadingNode(children: readonly string[]): string | undefined {
  let best: { readonly name: string; readonly sequence: number } | undefined;
  for (const name of children) {
    const digits = name.startsWith(LABEL) ? name.slice(LABEL.length) : '';
    if (!/^-?\d+$/.test(digits)) continue;
    const sequence = Number(digits);
    if (best === undefined || sequence < best.sequence) best = { name, sequence };
  }
  return best?.name;
}

/**
 * Where the master answers whose MasterInfo a node holds; undefined when it holds none. Masters prefer a host name
 * that they were told to announce over their address.
 * @param scheme which the node does not tell.
 */
export function masterTarget(data: string, scheme: Scheme): Target | undefined {
  let info: unknown;
  try {
    info = JSON.parse(data);
  } catch {
    return undefined;
  }
  const address = at(info, 'address');
  const host = [at(address, 'hostname'), at(address, 'ip'), at(info, 'hostname')].find(isName);
  const port = [at(address, 'port'), at(info, 'port')].find(isPort);
  if (host === undefined || port === undefined) return undefined;
  const origin = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return URL.canParse(origin)
    ? { origin: new URL(origin).origin, path: SCHEDULER_PATH }
    : undefined;
}

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535;
