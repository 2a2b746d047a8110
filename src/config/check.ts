/** What must hold between keys. Problems go into the reader, beside those of single keys. */
import { isIP } from 'node:net';
import type { Reader } from '../contracts/reader.js';
import type { Values } from './schema.js';

export function check(values: Values, reader: Reader): void {
  checkListen(values, reader);
  if ((values['tls.cert'] === null) !== (values['tls.key'] === null)) {
    const missing = values['tls.cert'] === null ? 'tls.cert' : 'tls.key';
    reader.problem(missing, undefined, 'both tls.cert and tls.key, or neither');
  }
  if (!/^(\/[\w.~-]+)*\/?$/.test(values.web_prefix))
    reader.problem('web_prefix', values.web_prefix, 'a path such as /godocker');
  if (values.web_endpoint !== null && !URL.canParse(values.web_endpoint))
    reader.problem('web_endpoint', values.web_endpoint, 'a URL such as https://godocker.org');
  if (values.secret_passphrase !== null && values.secret_passphrase.length < 16)
    reader.problem('secret_passphrase', '(too short)', 'at least 16 characters');
  if (values.session_timeout < 60_000)
    reader.problem('session_timeout', values.session_timeout / 1000, 'at least a minute');
  if ((values['mesos.principal'] === null) !== (values['mesos.secret'] === null)) {
    const missing = values['mesos.principal'] === null ? 'mesos.principal' : 'mesos.secret';
    reader.problem(missing, undefined, 'both mesos.principal and mesos.secret, or neither');
  }
  checkMaster(values['mesos.master'], reader);
  if ((values['mesos.tls.cert'] === null) !== (values['mesos.tls.key'] === null)) {
    const missing = values['mesos.tls.cert'] === null ? 'mesos.tls.cert' : 'mesos.tls.key';
    reader.problem(missing, undefined, 'both mesos.tls.cert and mesos.tls.key, or neither');
  }
  for (const label of values['mesos.labels'])
    if (!/^[^=\s]+=/.test(label)) reader.problem('mesos.labels', label, 'name=value');
  if (values.executors.length === 0)
    reader.problem('executors', values.executors, 'at least one executor');
  unique(reader, 'volumes', values.volumes);
  unique(reader, 'constraints', values.constraints);
  unique(reader, 'default_images', values.default_images);
  const defaults = values.default_images.filter(({ isDefault }) => isDefault);
  if (defaults.length > 1)
    reader.problem('default_images', defaults.length, 'at most one image with default: true');
}

/** Whether nobody beyond this machine can reach the address. */
export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);

function checkListen(values: Values, reader: Reader): void {
  const { listen } = values;
  if (listen !== 'localhost' && isIP(listen) === 0) {
    reader.problem('listen', listen, 'an IP address, as in 127.0.0.1');
    return;
  }
  const isGuarded = values['tls.cert'] !== null || values.behind_proxy;
  if (!isLoopback(listen) && !isGuarded)
    reader.problem('listen', listen, 'a loopback address, or tls.cert, or behind_proxy: true');
}

const ONE_MASTER = /^(https?:\/\/)?([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}\/?$/;
const IN_ZOOKEEPER =
  /^zk:\/\/([^@/\s]+@)?([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(,[^/\s]+)*(\/[^/\s]+)+\/?$/;

function checkMaster(master: string | null, reader: Reader): void {
  if (master === null) return;
  const isRight = master.startsWith('zk://')
    ? IN_ZOOKEEPER.test(master)
    : master.split(',').every((one) => ONE_MASTER.test(one.trim()));
  // Its password stays out of messages: they end up in logs.
  const shown = master.replace(/\/\/[^@/]*@/, '//…@');
  if (!isRight)
    reader.problem('mesos.master', shown, 'host:port,host:port or zk://host:port,host:port/path');
}

function unique(reader: Reader, path: string, items: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of items) {
    if (seen.has(name)) reader.problem(path, name, 'each name once');
    seen.add(name);
  }
}
