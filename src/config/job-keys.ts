/** Keys of jobs: what they get, may ask for, and how often they are launched. */

import { DYNAMIC_FIELDS } from '../contracts/config.js';
import { ORPHAN_KILLS_MAX, OWN_RETRIES_MAX, SYSTEM_RETRIES_MAX } from '../contracts/limits.js';
import { choice, flag, integer, items, number, optionalDuration } from './keys.js';
import { readConstraint, readDynamicField, readImage, readVolume } from './lists.js';

export const JOBS = {
  defaults_cpu: number(1, { min: 0.001 }, 'Cpus of a job that names none.'),
  defaults_ram: number(2, { min: 0.001 }, 'GB of memory of a job that names none (1 GB: 1000 MB).'),
  cpu_limit: choice(
    ['share', 'cap'],
    'share',
    'Cpus of a job in a container: `share` is guaranteed and may use idle ones besides, `cap` is never exceeded.',
  ),
  share_project_tasks: flag(
    false,
    "Members of a project see, stop and change each other's jobs in it; `default` is no such project.",
  ),
  allow_root: flag(false, 'Jobs may run as root in their container; their volumes are read-only.'),
  'failure_policy.strategy': integer(
    2,
    { min: 0, max: SYSTEM_RETRIES_MAX },
    'Launches granted after failures of the system (lost agents); a job may ask for fewer.',
  ),
  'failure_policy.skip_failed_nodes': flag(
    false,
    'Launches after a failure of the system pass over the hosts on which the job failed.',
  ),
  max_array_size: integer(1_000_000, { min: 1, max: 1_000_000 }, 'Members of one job array.'),
  'failure_policy.set_nodes_aside': flag(
    true,
    'Nodes on which jobs of several users fail within seconds get no new jobs for a while; those jobs run elsewhere.',
  ),
  maxlifespan: optionalDuration(
    'How long a job that does not say may run, in each of its launches; then it is ended.',
  ),
  maxlifespan_max: optionalDuration(
    'The longest that a job may ask for, and what one that does not say gets at most.',
  ),
  'retry.max': integer(
    10,
    { min: 0, max: OWN_RETRIES_MAX },
    'Launches that the rules of one job (`requirements.retry`) may grant together; 0: no such rules.',
  ),
  orphans: choice(
    ['kill', 'keep', 'adopt'],
    'kill',
    'Tasks of ours that run and that no job holds: end them, leave them alone, or give them back to the waiting job that launched them (others are ended).',
  ),
  orphan_kills_max: integer(
    ORPHAN_KILLS_MAX,
    { min: 0 },
    'So many of them are ended in a day, or 1 % of what runs; more wait for an administrator. A changed value begins a new count.',
  ),
  refuse_impossible: flag(true, 'Refuse at submission what no agent could ever run.'),
  default_images: items(
    readImage,
    'list of {name, url, interactive, default, pull}',
    'Images that jobs may use. Empty: those in the local Docker, or `host` in process mode.',
  ),
  allow_user_images: flag(false, 'Jobs may name any image.'),
  'images.pull': choice(
    ['missing', 'always'],
    'missing',
    'When an image is pulled: where it is missing, or at each launch (digests never). Entries of `default_images` may say `pull` for themselves.',
  ),
  volumes: items(
    readVolume,
    'list of {name, acl, path, mount}',
    'Directories that jobs may mount; `$USERID` stands for the login. `home` needs no path.',
  ),
  volumes_check: flag(true, 'Refuse volumes whose directory is not there.'),
  dynamic_fields: items(
    readDynamicField,
    'list of {name, admin_only}',
    `What of a job may be changed after its submission: ${DYNAMIC_FIELDS.map((name) => `\`${name}\``).join(', ')}; with \`admin_only\` by administrators alone. None named: all of them, by the job's owner.`,
  ),
  constraints: items(
    readConstraint,
    'list of {name, value}',
    'Attributes of agents that jobs may ask for, with their values.',
  ),
};
