/** Reads users, projects and the state of their quotas, with suspicion, and shows them. */
import type { Client } from './client.js';
import { type CommonOptions, type Context, printJson } from './context.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { type Column, facts, table } from './table.js';
import { isRecord } from './wire.js';
import { localTime } from './words.js';

export type Doc = Readonly<Record<string, unknown>>;

/** @throws Failure protocol */
export function readDoc(found: unknown, what: string): Doc {
  if (isRecord(found)) return found;
  throw new Failure(EXIT.protocol, `the server answered something that is no ${what}`);
}

/** @throws Failure protocol */
export function readDocs(found: unknown, what: string): readonly Doc[] {
  if (Array.isArray(found) && found.every(isRecord)) return found;
  throw new Failure(EXIT.protocol, `the server answered something that is no list of ${what}s`);
}

export const shown = (found: unknown): string =>
  typeof found === 'string' || typeof found === 'number' ? String(found) : '-';

export const words = (found: unknown): string =>
  Array.isArray(found) && found.length > 0 ? found.map(shown).join(', ') : '-';

/** `name unit` of each quota that is set, in the order of the interface. */
const QUOTAS = [
  ['quota_time', 's'],
  ['quota_cpu', 'cpus'],
  ['quota_ram', 'GB'],
  ['quota_cpu_hours', 'cpu-hours'],
  ['quota_gpu_hours', 'GPU-hours'],
  ['quota_memory_hours', 'GB-hours'],
  ['quota_disk', 'GB'],
] as const;

/** Quotas in one line, `none` where nothing is bounded. */
export function quotaLine(found: Doc): string {
  const set = QUOTAS.flatMap(([name, unit]) => {
    const value = found[name];
    const label = name.slice('quota_'.length).replaceAll('_', ' ');
    return typeof value === 'number' && value > 0 ? [`${label} ${value} ${unit}`] : [];
  });
  return set.length === 0 ? 'none' : set.join(', ');
}

/** What job directories take, and may take. */
export function diskLine({ disk, quota_disk_in_force: quota }: Doc): string {
  if (typeof disk !== 'number') return '-';
  const limit = amount(quota) > 0 ? ` of ${rounded(amount(quota))} GB` : '';
  return `${rounded(disk / 1e9)}${limit === '' ? ' GB' : limit}`;
}

export interface QuotaOptions extends CommonOptions {
  readonly reset?: boolean;
}

/** What is used of each quota of the user or project at `path`; with `--reset` it begins anew first. */
export async function quotasOf(
  context: Context,
  {
    client,
    path,
    whose,
  }: { readonly client: Client; readonly path: string; readonly whose: string },
  options: QuotaOptions,
): Promise<number> {
  const route = `${path}/quota`;
  if (options.reset === true) await client.json('DELETE', route, { isRepeatable: true });
  const found = await client.json('GET', route);
  if (options.json === true) await printJson(context, found);
  else await showQuotas(context, whose, found);
  return EXIT.ok;
}

/** The answer of `/user/{id}/quota` and `/project/{id}/quota`. */
async function showQuotas({ terminal }: Context, whose: string, found: unknown): Promise<void> {
  const report = readDoc(found, 'state of quotas');
  const quotas = readDocs(report.quotas, 'quota');
  const head = facts([
    ['Quotas of', whose],
    ['Period', periodOf(report)],
    ['Counted', 'jobs that have ended in it; those that run count besides when one starts'],
    ['Disk', 'what directories of jobs that have ended take now, whatever the period'],
  ]);
  await terminal.out(`${head}\n${table(quotas, ROWS, terminal.columns)}`);
}

function periodOf({ period, days, begins_anew: anew, time_zone: zone }: Doc): string {
  if (period === 'month' && typeof anew === 'number')
    return `calendar month in ${shown(zone)}, begins anew ${localTime(anew * 1_000)}`;
  return `the last ${shown(days)} days (UTC), today among them`;
}

const rounded = (value: number): string => String(Math.round(value * 1_000) / 1_000);
const amount = (found: unknown): number => (typeof found === 'number' ? found : 0);

const ROWS: readonly Column<Doc>[] = [
  { title: 'QUOTA', value: ({ name }) => shown(name) },
  {
    title: 'LIMIT',
    value: ({ limit }) => (amount(limit) > 0 ? rounded(amount(limit)) : '-'),
    isRight: true,
  },
  { title: 'USED', value: ({ used }) => rounded(amount(used)), isRight: true },
  {
    title: 'LEFT',
    value: ({ limit, used }) =>
      amount(limit) > 0 ? rounded(Math.max(0, amount(limit) - amount(used))) : '-',
    isRight: true,
  },
  { title: 'UNIT', value: ({ unit }) => shown(unit) },
];
