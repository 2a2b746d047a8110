/** Keys of what watches the service from outside, or is told by it: registries of processes, InfluxDB, webhooks, traces. */
import type { MonitoringConfig } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';
import { networkOf } from '../core/public-address.js';
import { flag, integer, number, optional, secret, text, words } from './keys.js';
import type { Values } from './schema.js';

/** InfluxDB's own. */
const USUAL_PASSWORD = 'root';
const PORT = { min: 1, max: 65_535 };

export const MONITORING = {
  status_policy: optional(
    'none: in the store alone',
    'Registry where processes tell that they live, besides the store: `etcd`, `consul`, or a plugin of yours.',
  ),
  etcd_host: text('127.0.0.1', 'Where etcd answers, with `status_policy: etcd`.'),
  etcd_port: integer(2379, PORT, 'Its port.'),
  etcd_prefix: text('/godocker', 'What its keys of ours begin with.'),
  influxdb_host: optional('none: off', 'Where InfluxDB (1.x) answers: usage goes there.'),
  influxdb_port: integer(8086, PORT, 'Its port.'),
  influxdb_user: text('root', 'Login there.'),
  ...secret('influxdb_password', USUAL_PASSWORD, 'Its password.'),
  influxdb_db: text('god', 'Database there; it is made if it is missing and the login may.'),
  ...secret(
    'prometheus_key',
    'none: off',
    'Key with which daemons of an original push figures to `POST /api/1.0/prometheus`.',
  ),
  'webhooks.enabled': flag(true, 'Jobs may have a service called at their start and end.'),
  'webhooks.http': flag(false, 'Also without TLS.'),
  'webhooks.allow': words(
    [],
    'Hosts, addresses and networks (`10.1.0.0/16`) that may be called though they are not of the public internet.',
  ),
  'tracing.endpoint': optional(
    'none: off',
    'Where an OpenTelemetry collector takes traces (OTLP over HTTP), as in `http://127.0.0.1:4318/v1/traces`.',
    'URL',
  ),
  'tracing.sample': number(1, { min: 0, max: 1 }, 'Part of the jobs that are traced.'),
};

export function monitoringOf(values: Values): MonitoringConfig {
  const { influxdb_host: host, influxdb_port: port, influxdb_db: database } = values;
  const { influxdb_user: username, influxdb_password } = values;
  const password = influxdb_password ?? USUAL_PASSWORD;
  const endpoint = values['tracing.endpoint'];
  return {
    status: values.status_policy,
    etcd: { host: values.etcd_host, port: values.etcd_port, prefix: values.etcd_prefix },
    influx: host === null ? null : { host, port, username, password, database },
    prometheusKey: values.prometheus_key,
    webhooks: {
      isOn: values['webhooks.enabled'],
      allowsHttp: values['webhooks.http'],
      allow: values['webhooks.allow'],
    },
    tracing: endpoint === null ? null : { endpoint, sample: values['tracing.sample'] },
  };
}

export function checkMonitoring(values: Values, reader: Reader): void {
  const endpoint = values['tracing.endpoint'];
  if (endpoint !== null && !/^https?:\/\/[^/]+/.test(endpoint))
    reader.problem('tracing.endpoint', endpoint, 'a URL such as http://127.0.0.1:4318/v1/traces');
  for (const key of ['etcd_host', 'influxdb_host'] as const) {
    const host = values[key];
    if (host !== null && !/^(\[[\da-fA-F:.]+\]|[\w.-]+)$/.test(host))
      reader.problem(key, host, 'the name or address of a host, without scheme and port');
  }
  for (const word of values['webhooks.allow'])
    if (networkOf(word) === undefined && !/^(?![\d.]+$)[\w-]+(\.[\w-]+)*$/.test(word))
      reader.problem('webhooks.allow', word, 'a host, an address or a network such as 10.1.0.0/16');
  if (!/^\/?[\w.-]+(\/[\w.-]+)*\/?$/.test(values.etcd_prefix))
    reader.problem('etcd_prefix', values.etcd_prefix, 'a path such as /godocker');
}
