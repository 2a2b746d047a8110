/** Values as people read them, here and on the pages: durations, sizes, outcomes. Needs neither Node nor a browser. */
import { unreachable } from '../core/assert.js';
import { EXIT } from './exit-codes.js';
import type { FormerLaunchView, JobView, ViewOutcome } from './wire.js';

/** Two units at most: `800ms`, `2.1s`, `1m05s`, `3h20m`, `2d04h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1_000);
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24];
  const [minutes, rest] = [Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  if (days > 0) return `${days}d${two(hours)}h`;
  if (hours > 0) return `${hours}h${two(minutes)}m`;
  return minutes > 0 ? `${minutes}m${two(rest)}s` : `${rest}s`;
}

/** Decimal units, as file managers and disks count. */
export function byteSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Local time to the second with its zone, as in `2026-11-21 09:05:00 GMT+1`; `-` for what has not happened. */
export function localTime(at: number | null): string {
  if (at === null) return '-';
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${day} ${time} ${zoneOf(date)}`;
}

/** Made once: making it takes longer than a hundred uses. */
const ZONE = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });

/** The zone of this machine, or browser, at that time: summer time is another one. */
const zoneOf = (date: Date): string =>
  ZONE.formatToParts(date).find(({ type }) => type === 'timeZoneName')?.value ?? 'local time';

export function outcomeWords(outcome: ViewOutcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `exit ${outcome.exitCode}`;
    case 'killed':
      return 'killed';
    case 'quota':
      return 'refused: quota reached';
    case 'gaveUp':
      return 'gave up';
    case 'unknown':
      return 'outcome unknown';
    default:
      return unreachable(outcome);
  }
}

/** What a command that stood for this job exits with; the table of `god exit-codes`. */
export function exitCodeOf(job: JobView): number {
  const outcome = job.outcome;
  if (outcome === null) return EXIT.noOutcome;
  switch (outcome.kind) {
    case 'exited':
      return outcome.exitCode & 0xff;
    case 'killed':
      return EXIT.killed;
    case 'quota':
    case 'gaveUp':
    case 'unknown':
      return EXIT.noOutcome;
    default:
      return unreachable(outcome);
  }
}

/** Why a launch came to nothing: `exit 75 on node1`, `The agent that ran the job was lost (node2)`. */
export function formerWords({ exitCode, reason, host, ramGb }: FormerLaunchView): string {
  const code = exitCode === null ? '' : `exit ${exitCode}`;
  const why = [code, reason ?? ''].filter((word) => word !== '').join(': ');
  return `${why} (${[host, ramGb === null ? '' : `${ramGb} GB`].filter(Boolean).join(', ')})`;
}

/** `3 so far; 1: exit 75 (node1, 2 GB); …`, or nothing for a job that was launched once at most. */
export function launchesWords({ launches, formerLaunches }: JobView): string {
  if (formerLaunches.length === 0) return launches > 1 ? `${launches}` : '';
  const former = formerLaunches.map((one) => `${one.launch}: ${formerWords(one)}`);
  return `${launches} so far; ${former.join('; ')}`;
}

/** `2 GB`, or `4 GB (asked: 2)` where rules have made it grow. */
export const memoryWords = ({ ramGb, ramGrantedGb }: JobView): string =>
  ramGrantedGb === null ? `${ramGb} GB` : `${ramGrantedGb} GB (asked: ${ramGb})`;

/** How long a job ran, runs, or waits. */
export function ageOf(job: JobView, now: number): string {
  const from = job.startedAt ?? job.submittedAt;
  if (from === null) return '-';
  if (job.startedAt === null && job.endedAt !== null) return '-';
  return duration(Math.max(0, (job.endedAt ?? now) - from));
}

/** One line of plain characters: names and reasons are other people's text. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ');
}

/** What a job waits for, in the words of `--depend`, out of its `requirements`; empty: nothing. */
export function dependWords(
  dependencies: readonly { readonly type: string; readonly job: number | null }[],
  isAnyEnough: boolean,
): string {
  const items = dependencies.map(({ type, job }) => (job === null ? type : `${type}:${job}`));
  return items.join(isAnyEnough ? '?' : ',');
}
