/** Keys of rate limits, running limits, quotas and queues. */
import type { SiteQueue } from '../contracts/config.js';
import { DISK_RUNNING_EACH_MS, NAME_CHARS_MAX, RATE_LIMIT_MAX } from '../contracts/limits.js';
import type { Range, Reader } from '../contracts/reader.js';
import type { Constraint } from '../core/job.js';
import { QUEUE_PRIORITY_USUAL } from '../core/limit-book.js';
import { choice, duration, items, type Key, text } from './keys.js';

const optionalInteger = (range: Range, doc: string, shown = 'no limit'): Key<number | null> => ({
  doc,
  kind: 'whole number',
  shown,
  read: (reader, path) => readOptional(reader, path, range),
});

const atLeastOne: Range = { min: 1, max: RATE_LIMIT_MAX };

export const LIMITS = {
  rate_limit: optionalInteger(
    atLeastOne,
    'Jobs of one user, waiting and running together; beyond that submissions are refused.',
  ),
  rate_limit_all: optionalInteger(
    atLeastOne,
    'Waiting jobs of all users together; beyond that submissions are refused.',
  ),
  'max_running.user': optionalInteger(
    atLeastOne,
    'Jobs of one user that run at once; others wait.',
  ),
  'max_running.project': optionalInteger(
    atLeastOne,
    'Jobs of one project that run at once. The project `default` has no such limit.',
  ),
  'max_running.executor': optionalInteger(atLeastOne, 'Jobs that run at once on each executor.'),
  'quotas.period': choice(
    ['window', 'month'],
    'window',
    'Over what quotas are summed: the last days, or the calendar month.',
  ),
  'quotas.days': optionalInteger(
    { min: 1, max: 3_650 },
    'Days of the window, counted in UTC, today among them.',
    '`user_reset_usage_duration`, else 30',
  ),
  'quotas.time_zone': text('UTC', 'Where months begin, as `Europe/Paris`.'),
  disk_default_quota: {
    doc: 'What the job directories of one user may take; users and projects may have a quota of their own (`quota_disk`).',
    kind: 'size (`40G`, `1.5T`; k, M, G, T are powers of 1000; a bare number is bytes)',
    shown: 'no quota',
    read: readSize,
  } satisfies Key<number | null>,
  'disk.measure_every': duration(
    DISK_RUNNING_EACH_MS,
    'How often the directory of a job that runs is measured; each is measured at the end of its job besides.',
  ),
  queues: items(
    readQueue,
    'list of {name, description, executor, constraints, priority, users, projects, max_running, max_running_per_user, default_lifespan, max_lifespan}',
    'Queues that jobs may name. `constraints`: labels that each of its jobs gets; `priority`: 0–100, 50 for jobs in no queue, higher goes first; `users`, `projects`: who may use it, both empty: everybody.',
  ),
};

function readQueue(item: Reader): SiteQueue | undefined {
  const name = item.optionalText('name');
  const queue = {
    description: item.text('description', ''),
    executor: item.optionalText('executor'),
    constraints: readConstraints(item),
    priority: item.integer('priority', QUEUE_PRIORITY_USUAL, { min: 0, max: 100 }),
    users: item.words('users', []),
    projects: item.words('projects', []),
    maxRunning: readOptional(item, 'max_running', { min: 0, max: RATE_LIMIT_MAX }),
    maxRunningPerUser: readOptional(item, 'max_running_per_user', { min: 0, max: RATE_LIMIT_MAX }),
    lifespanMsDefault: readLifespan(item, 'default_lifespan'),
    lifespanMsMax: readLifespan(item, 'max_lifespan'),
  };
  const { lifespanMsDefault, lifespanMsMax } = queue;
  if (lifespanMsDefault !== null && lifespanMsMax !== null && lifespanMsDefault > lifespanMsMax)
    item.problem('default_lifespan', item.raw('default_lifespan'), 'at most max_lifespan');
  if (name !== null && /^[\w.-]+$/.test(name) && name.length <= NAME_CHARS_MAX)
    return { name, ...queue };
  item.problem('name', item.raw('name'), 'a name of letters, digits, _, - and .');
  return undefined;
}

function readLifespan(item: Reader, key: string): number | null {
  const ms = item.optionalDuration(key);
  if (ms === 0) item.problem(key, item.raw(key), 'at least a second; leave it out for no limit');
  return ms;
}

function readConstraints(item: Reader): readonly Constraint[] {
  const constraints: Constraint[] = [];
  for (const label of item.words('constraints', [])) {
    const [, name, value] = /^([^=]+)==(.+)$/.exec(label) ?? [];
    if (name === undefined || value === undefined)
      item.problem('constraints', label, 'labels as name==value');
    else if (name === 'resource' || name === 'queue')
      item.problem('constraints', label, 'attributes of agents; this label means something else');
    else constraints.push({ name, value });
  }
  return constraints;
}

function readOptional(reader: Reader, path: string, range: Range): number | null {
  return reader.raw(path) === undefined ? null : reader.integer(path, range.min ?? 0, range);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** Bytes. */
function readSize(reader: Reader, path: string): number | null {
  const found = reader.raw(path);
  if (found === undefined || found === '') return null;
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)b?$/i.exec(String(found)) ?? [];
  const bytes = Number(amount) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (bytes > 0) return bytes;
  reader.problem(path, found, 'a size above 0 such as 40G; leave it out for no quota');
  return null;
}
