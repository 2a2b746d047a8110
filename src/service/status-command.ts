/** `godocker status`: which processes are alive, and whether something needed is missing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { type Column, table } from '../cli/table.js';
import type { Config } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import { LEASE_STALE_MS } from '../contracts/limits.js';
import { PROCESS_ROLES, type Presence, type ProcessSeen } from '../contracts/presence.js';
import type { JobStore, Store } from '../contracts/store.js';
import { durationText } from '../core/duration.js';
import { inTime } from '../daemon/in-time.js';
import { openLog } from '../host/log.js';
import { systemClock, systemTimers } from '../host/system.js';
import { openToLook } from './open-store.js';
import { registriesToAsk } from './presence.js';

interface Options {
  readonly config?: string;
  readonly need: string;
  readonly json?: true;
}

/**
 * @param configured reads the configuration; undefined: it has mistakes, which it told
 * @param done is told the exit code, or undefined for those mistakes
 */
export function statusCommand(
  configured: (file: string | undefined) => Config | undefined,
  done: (code: number | undefined) => void,
): Command {
  return new Command('status')
    .description('which processes are alive; ends with 1 if something needed is missing')
    .option('--config <file>', 'configuration file (default: $GOD_CONFIG, then godocker.yaml)')
    .option('--need <roles>', 'what must be alive, as in web=2,scheduler', 'web,scheduler')
    .option('--json', 'for programs')
    .action(async ({ config: file, need, json }: Options) => {
      const needs = readNeeds(need);
      const config = configured(file);
      const write = (text: string) => void process.stdout.write(text);
      done(config && (await status(config, { needs, isJson: json === true }, write)));
    });
}

/** A registry or a store that takes longer is told as silent. */
const ANSWER_MS_MAX = 5_000;
const LOOK_EACH_MS = 250;
const MISSING = 1;
const UNAVAILABLE = 69;

type Role = (typeof PROCESS_ROLES)[number];

/** How many processes of a role there must be. */
export type Needs = ReadonlyMap<Role, number>;

/** `web,scheduler=2`. @throws ServiceError bad-field */
export function readNeeds(text: string): Needs {
  const needs = new Map<Role, number>();
  for (const part of text.split(',').filter((word) => word.trim() !== '')) {
    const [name = '', count = '1'] = part.trim().split('=', 2);
    const role = PROCESS_ROLES.find((known) => known === name);
    if (role === undefined || !/^\d{1,4}$/.test(count))
      throw new ServiceError(
        'bad-field',
        `--need: "${part}" is not as in web,scheduler=2; roles are ${PROCESS_ROLES.join(', ')}`,
      );
    needs.set(role, Number(count));
  }
  return needs;
}

export interface StatusReport {
  readonly processes: readonly ProcessSeen[];
  /** Null: nobody leads. */
  readonly leader: { readonly holder: string; readonly epoch: number } | null;
  /** What there is too little of, in sentences. Empty: all is there. */
  readonly missing: readonly string[];
  /** Registries that did not answer, in sentences. */
  readonly silent: readonly string[];
}

/** `up` is a web server, a scheduler and a watcher in one. */
export function missingOf(
  processes: readonly ProcessSeen[],
  isLed: boolean,
  needs: Needs,
): readonly string[] {
  const missing: string[] = [];
  for (const [role, count] of needs) {
    const alive = processes.filter((one) => one.role === role || one.role === 'up').length;
    if (alive < count) missing.push(`${role}: ${alive} of ${count} alive`);
  }
  if (!isLed && [...needs.keys()].some((role) => role === 'scheduler' || role === 'up'))
    missing.push('no scheduler leads');
  return missing;
}

/** Who was heard of through any registry; of a process that several know, the latest word. */
export async function heardOf(
  registries: Readonly<Record<string, Pick<Presence, 'present'>>>,
): Promise<Pick<StatusReport, 'processes' | 'silent'>> {
  const latest = new Map<string, ProcessSeen>();
  const silent: string[] = [];
  const ask = async ([name, presence]: readonly [
    string,
    Pick<Presence, 'present'>,
  ]): Promise<void> => {
    try {
      for (const seen of await limited(presence.present())) {
        const known = latest.get(seen.name);
        if (known === undefined || known.seenAt < seen.seenAt) latest.set(seen.name, seen);
      }
    } catch (error) {
      silent.push(`${name}: ${(error as Error).message}`);
    }
  };
  await Promise.all(Object.entries(registries).map(ask));
  const processes = [...latest.values()].sort((a, b) =>
    a.role === b.role ? (a.name < b.name ? -1 : 1) : a.role < b.role ? -1 : 1,
  );
  return { processes, silent };
}

/** Who leads: their beat rises while we look. No clocks are compared. */
export async function leaderNow(
  store: Pick<JobStore, 'lease'>,
  pause: (ms: number) => Promise<unknown> = sleep,
): Promise<StatusReport['leader']> {
  const first = await store.lease();
  if (first === undefined || first.holder === '') return null;
  for (let waitedMs = 0; waitedMs < LEASE_STALE_MS; waitedMs += LOOK_EACH_MS) {
    await pause(LOOK_EACH_MS);
    const now = await store.lease();
    if (now === undefined || now.holder === '') return null;
    if (now.beat !== first.beat || now.epoch !== first.epoch)
      return { holder: now.holder, epoch: now.epoch };
  }
  return null;
}

/** @returns the exit code: 0 all is there, 1 something is missing, 69 nobody can tell */
export async function status(
  config: Config,
  { needs, isJson }: { readonly needs: Needs; readonly isJson: boolean },
  write: (text: string) => void,
): Promise<number> {
  const log = openLog({ level: 'error' });
  let store: Store;
  try {
    store = await limited(openToLook(config, log));
  } catch (error) {
    write(`the store does not answer: ${(error as Error).message}\n`);
    return UNAVAILABLE;
  }
  try {
    // Plugins that tell of processes have no need of job directories.
    const parts = { config, store, shared: { path: config.home, notice: null }, log };
    const [heard, leader] = await Promise.all([
      registriesToAsk(parts).then(heardOf),
      limited(leaderNow(store)),
    ]);
    const missing = missingOf(heard.processes, leader !== null, needs);
    const report: StatusReport = { ...heard, leader, missing };
    write(isJson ? `${JSON.stringify(report)}\n` : reportText(report, systemClock.now()));
    return missing.length === 0 ? 0 : MISSING;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    write(`the store does not answer: ${error.message}\n`);
    return UNAVAILABLE;
  } finally {
    await store.close();
  }
}

async function limited<T>(work: Promise<T>): Promise<T> {
  const answer = await inTime(work, ANSWER_MS_MAX, systemTimers);
  if (answer !== undefined) return answer.value;
  throw new ServiceError('store-unavailable', `no answer within ${ANSWER_MS_MAX / 1_000} s`);
}

const COLUMNS: readonly Column<ProcessSeen & { readonly now: number }>[] = [
  { title: 'ROLE', value: ({ role }) => role },
  { title: 'HOST', value: ({ host }) => host },
  { title: 'PID', value: ({ pid }) => String(pid) },
  { title: 'VERSION', value: ({ version }) => version },
  {
    title: 'UP FOR',
    value: ({ now, startedAt }) =>
      durationText(Math.max(0, Math.floor((now - startedAt) / 1_000) * 1_000)),
  },
  { title: 'HEARD', value: ({ now, seenAt }) => `${agoText(now - seenAt)} ago` },
  { title: 'URL', value: ({ url }) => url ?? '-' },
];

const agoText = (ms: number): string => `${Math.max(0, ms / 1_000).toFixed(0)}s`;

export function reportText(
  { processes, leader, missing, silent }: StatusReport,
  now: number,
): string {
  const rows = processes.map((seen) => ({ ...seen, now }));
  const lines = [
    leader === null ? 'leader: none' : `leader: ${leader.holder} (${leader.epoch})`,
    ...silent.map((text) => `silent: ${text}`),
    ...missing.map((text) => `missing: ${text}`),
  ];
  return `${table(rows, COLUMNS, null)}\n${lines.join('\n')}\n`;
}
