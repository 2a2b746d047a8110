/** What must hold between keys. Problems go into the reader, beside those of single keys. */
import { isIP } from 'node:net';
import type { Reader } from '../contracts/reader.js';
import { durationText } from '../core/duration.js';
import { DAY_MS } from '../core/usage.js';
import { checkAccounts } from './account-keys.js';
import { checkWatching } from './accounting-keys.js';
import { checkLimits } from './limit-shape.js';
import { checkMonitoring } from './monitoring-keys.js';
import { checkRedis } from './redis-keys.js';
import type { Values } from './schema.js';
import { checkStore } from './store-keys.js';

export function check(values: Values, reader: Reader): void {
  checkListen(values, reader);
  if ((values['tls.cert'] === null) !== (values['tls.key'] === null)) {
    const missing = values['tls.cert'] === null ? 'tls.cert' : 'tls.key';
    reader.problem(missing, undefined, 'both tls.cert and tls.key, or neither');
  }
  checkOrigins(values, reader);
  if (!/^(\/[\w.~-]+)*\/?$/.test(values.web_prefix))
    reader.problem('web_prefix', values.web_prefix, 'a path such as /godocker');
  if (values.web_endpoint !== null && !URL.canParse(values.web_endpoint))
    reader.problem('web_endpoint', values.web_endpoint, 'a URL such as https://godocker.org');
  if (values.secret_passphrase !== null && values.secret_passphrase.length < 16)
    reader.problem('secret_passphrase', '(too short)', 'at least 16 characters');
  if (values.session_timeout < 60_000)
    reader.problem('session_timeout', values.session_timeout / 1000, 'at least a minute');
  if (values.key_token_timeout !== null && values.key_token_timeout < 60_000)
    reader.problem('key_token_timeout', values.key_token_timeout / 1000, 'at least a minute');
  if (values['fairshare.half_life'] < DAY_MS)
    reader.problem('fairshare.half_life', reader.raw('fairshare.half_life'), 'at least a day (1d)');
  if (values['preemption.every'] < 10_000)
    reader.problem('preemption.every', reader.raw('preemption.every'), 'at least 10 seconds (10s)');
  checkAccounts(values, reader);
  checkLifespan(values, reader);
  checkContainers(values, reader);
  checkMesos(values, reader);
  checkLimits(values, reader);
  checkStore(values, reader);
  checkMonitoring(values, reader);
  checkRedis(values, reader);
  checkWatching(values, reader);
  if (values.executors.length === 0)
    reader.problem('executors', values.executors, 'at least one executor');
  unique(reader, 'volumes', values.volumes);
  unique(reader, 'constraints', values.constraints);
  unique(reader, 'queues', values.queues);
  unique(reader, 'default_images', values.default_images);
  const defaults = values.default_images.filter(({ isDefault }) => isDefault);
  if (defaults.length > 1)
    reader.problem('default_images', defaults.length, 'at most one image with default: true');
}

function checkLifespan(values: Values, reader: Reader): void {
  const { maxlifespan, maxlifespan_max } = values;
  for (const key of ['maxlifespan', 'maxlifespan_max'] as const)
    if (values[key] === 0)
      reader.problem(key, '0s', 'at least a second; leave it out for no limit');
  if (maxlifespan !== null && maxlifespan_max !== null && maxlifespan > maxlifespan_max)
    reader.problem(
      'maxlifespan',
      durationText(maxlifespan),
      `at most maxlifespan_max, ${durationText(maxlifespan_max)}`,
    );
}

/** As Docker has it; CNI is not stricter. Placeholders stand for words of the same letters. */
const NETWORK_NAME = /^([A-Za-z0-9]|\$(USERID|PROJECT))([\w.-]|\$(USERID|PROJECT))*$/;

function checkContainers(values: Values, reader: Reader): void {
  const registry = values.use_private_registry;
  if (registry !== null && !/^[\w.-]+(:\d{1,5})?(\/[\w.-]+)*\/*$/.test(registry))
    reader.problem('use_private_registry', registry, 'a host and path, as in registry.site/team');
  const names = ['public', 'user', 'project', 'none'] as const;
  for (const kind of names) {
    const path = `network.cni_${kind}_network_name` as const;
    const name = values[path];
    if (name !== null && !NETWORK_NAME.test(name))
      reader.problem(path, name, 'a name of letters, digits, dots, dashes and underscores');
  }
  const isNamed = values['network.cni_public_network_name'] ?? values['network.cni_plugin'];
  if (values['network.use_cni'] && isNamed === null)
    reader.problem(
      'network.cni_public_network_name',
      undefined,
      'the name of a network, because of network.use_cni',
    );
  if (values['mesos.unified'] && values['network.disabled'])
    if (values['network.cni_none_network_name'] === null)
      reader.problem(
        'network.cni_none_network_name',
        undefined,
        'the name of a network, because of network.disabled with mesos.unified',
      );
}

/** What is read but cannot do what it says, in sentences for the log. */
export function cautions(values: Values): readonly string[] {
  const said: string[] = [];
  if (values.store === 'embedded' && (values['mongo.url'] ?? values['mongo.url_file']) !== null)
    said.push('mongo.url: not used, because of store: embedded');
  if (values['mesos.unified']) {
    if (values.cpu_limit === 'cap')
      said.push('cpu_limit: under mesos.unified the agents decide, by --cgroups_enable_cfs');
    return said;
  }
  if (values['mesos.native_gpu'])
    said.push('mesos.native_gpu: off, because agents isolate GPUs only with mesos.unified: true');
  if (values['mesos.image_credentials'] !== null)
    said.push(
      'mesos.image_credentials: not used without mesos.unified; agents pull with their own --docker_config',
    );
  return said;
}

const HOST_PORT = String.raw`(\[[\da-fA-F:.]+\]|[\w.-]+)`;
const MASTER = new RegExp(`^(https?://)?${HOST_PORT}(:\\d{1,5})?/?$`);
const ZOOKEEPER = new RegExp(
  `^zk://([^/]*@)?${HOST_PORT}(:\\d{1,5})?(,${HOST_PORT}(:\\d{1,5})?)*(/[^/]+)*/?$`,
);

function checkMesos(values: Values, reader: Reader): void {
  both(values, reader, 'mesos.principal', 'mesos.secret');
  both(values, reader, 'mesos.tls.cert', 'mesos.tls.key');
  const master = values['mesos.master'];
  const isKnown = (text: string) =>
    ZOOKEEPER.test(text) || text.split(',').every((one) => MASTER.test(one.trim()));
  if (master !== null && !isKnown(master))
    // A zk:// address may hold a password.
    reader.problem(
      'mesos.master',
      master.replace(/\/\/.*@/, '//…@'),
      'host:port,host:port or zk://host:port,host:port/path',
    );
  const url = values['mesos.webui_url'];
  if (url !== null && !URL.canParse(url))
    reader.problem('mesos.webui_url', url, 'a URL such as https://godocker.org');
  for (const label of values['mesos.labels'])
    if (!/^[^=]+=/.test(label)) reader.problem('mesos.labels', label, 'labels as name=value');
}

type Optional = 'mesos.principal' | 'mesos.secret' | 'mesos.tls.cert' | 'mesos.tls.key';

function both(values: Values, reader: Reader, one: Optional, other: Optional): void {
  if ((values[one] === null) === (values[other] === null)) return;
  reader.problem(
    values[one] === null ? one : other,
    undefined,
    `both ${one} and ${other}, or neither`,
  );
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

/** Browsers compare letter by letter, so it must stand here as they send it. */
function checkOrigins(values: Values, reader: Reader): void {
  for (const origin of values['cors.origins'])
    if (!/^https?:/.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin)
      reader.problem(
        'cors.origins',
        origin,
        'origins as https://portal.site or http://localhost:8080: no path, no slash at the end, no *',
      );
}

function unique(reader: Reader, path: string, items: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of items) {
    if (seen.has(name)) reader.problem(path, name, 'each name once');
    seen.add(name);
  }
}
