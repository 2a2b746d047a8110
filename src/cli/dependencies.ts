/** `--depend` and `--begin`: what a job waits for, as typed. */
import { durationMsOf } from '../core/duration.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';

/** As `requirements` takes it. */
export interface DependenciesAsked {
  readonly dependencies: readonly { readonly type: string; readonly job?: number }[];
  readonly dependencies_mode?: 'any';
}

const TYPES = ['after', 'afterok', 'afternotok', 'afterany', 'aftercorr'];
const FORM = `write TYPE:ID[:ID…], several with commas between (all must come true) or with question marks (one is enough), TYPE one of ${TYPES.join(', ')}; or singleton`;

/**
 * `afterok:12:13,afterany:14`, `afterok:12?afterok:13`, `singleton`. A message instead of a value is for commander: which types
 * go together is the server's matter.
 */
export function readDepend(text: string): DependenciesAsked | string {
  if (text.includes(',') && text.includes('?')) return `either commas or question marks: ${FORM}`;
  const dependencies: { type: string; job?: number }[] = [];
  for (const item of text.split(/[,?]/)) {
    if (item === 'singleton') {
      dependencies.push({ type: 'singleton' });
      continue;
    }
    const [type = '', ...ids] = item.split(':');
    if (!TYPES.includes(type) || ids.length === 0 || !ids.every((id) => /^[1-9]\d{0,14}$/.test(id)))
      return FORM;
    for (const id of ids) dependencies.push({ type, job: Number(id) });
  }
  return { dependencies, ...(text.includes('?') ? { dependencies_mode: 'any' } : {}) };
}

/**
 * Seconds since 1970 of `+2h` (from now) or of a date in the reader's own zone, unless it names another.
 * @throws Failure naming the option
 */
export function readTime(text: string, option: string, now: number): number {
  const inMs = text.startsWith('+') ? durationMsOf(text.slice(1)) : undefined;
  const isDate = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text);
  const ms =
    inMs !== undefined ? now + inMs : isDate ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (!Number.isFinite(ms))
    throw new Failure(
      EXIT.usage,
      `${option} "${text}" is no time: write 2026-11-21T18:00, or +2h for two hours from now`,
    );
  return ms / 1_000;
}
