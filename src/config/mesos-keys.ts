/** Keys of Mesos: its masters, how we appear there, and the local node. */
import { FAILOVER_TIMEOUT_MS } from '../contracts/limits.js';
import { choice, duration, flag, integer, optional, secret, size, text, words } from './keys.js';

export const LOCAL = {
  containerizer: choice(
    ['auto', 'docker', 'process'],
    'auto',
    'What runs the jobs of the local node; `auto`: Docker if it answers, else plain processes.',
  ),
  'local.mesos_port': integer(5050, { min: 0, max: 65_535 }, 'Port of the local node; 0: any.'),
  'local.cpus': size({ min: 0.001 }, "the machine's", 'Cpus the local node offers.'),
  'local.mem_mb': size({ min: 1 }, "the machine's", 'Megabytes the local node offers.'),
  'local.gpus': size({ min: 0 }, "the machine's", 'GPUs the local node offers.'),
  'local.attributes': text('', 'Attributes of the local node, as `storage:ssd;rack:r1`.'),
};

export const MESOS = {
  'mesos.master': optional(
    'the local node',
    'Masters of a real cluster: `host:port,host:port`, also with `https://` before each; or `zk://host:port,host:port/path`.',
  ),
  'mesos.principal': optional('none', 'Authenticated name of this framework.'),
  ...secret('mesos.secret', 'none', 'Its secret.'),
  'mesos.encoding': choice(['protobuf', 'json'], 'protobuf', 'Encoding of calls and events.'),
  'mesos.roles': words(['*'], 'Roles under which resources are offered.'),
  'mesos.failover_timeout': duration(
    FAILOVER_TIMEOUT_MS,
    'How long the master keeps our tasks while we are away.',
  ),
  'mesos.unified': flag(
    false,
    "Agents run images with Mesos' own (unified) containerizer, instead of Docker.",
  ),
  'mesos.native_gpu': flag(
    false,
    'Jobs may ask for the GPUs of a real cluster. Needs `mesos.unified`: without it, it is off.',
  ),
  'mesos.user': text(
    'root',
    'Account of the framework; the master keeps the first value for ever.',
  ),
  'mesos.task_user': text(
    '$USERID',
    'Account that agents run tasks as under `mesos.unified`; `$USERID` stands for the login. Agents must know it, with the same ids.',
  ),
  'mesos.checkpoint': flag(
    true,
    'Tasks survive a restart of their agent. The master keeps the first value for ever.',
  ),
  'mesos.image_credentials': optional(
    'none',
    'A `config.json` of Docker with credentials of registries, sent to agents with each task. Needs `mesos.unified`.',
    'path',
  ),
  'mesos.home_credentials': flag(
    false,
    'Agents fetch `docker.tar.gz` from the home of users who mount it. See the guide first: they read it as their own user.',
  ),
  'mesos.name': text('GoDocker', 'Name of the framework in the pages of the master.'),
  'mesos.hostname': optional('none', 'Host name of the framework in the pages of the master.'),
  'mesos.webui_url': optional(
    '`web_endpoint`',
    'Where the pages of the master link the framework to.',
    'URL',
  ),
  'mesos.labels': words([], 'Labels of the framework, each `name=value`.'),
  'mesos.tls.enabled': flag(
    false,
    'Speak TLS with masters whose address names no scheme, those behind `zk://` among them.',
  ),
  'mesos.tls.ca': optional(
    "the system's",
    'Authorities that certificates of masters must come from, PEM.',
    'path',
  ),
  'mesos.tls.cert': optional('none', 'Certificate of ours, for masters that ask for one.', 'path'),
  'mesos.tls.key': optional('none', 'Its private key.', 'path'),
};
