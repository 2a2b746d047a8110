/** `trace`: what ran in a period, on standard output, for `godocker simulate`. */
import { durationMsOf } from '../../core/duration.js';
import { type CommonOptions, type Context, connect } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure, Unreachable } from '../failure.js';

export interface TraceOptions extends CommonOptions {
  readonly since?: string;
  readonly until?: string;
  readonly anonymous?: boolean;
}

export async function trace(context: Context, options: TraceOptions): Promise<number> {
  const query: Record<string, string> = options.anonymous === true ? { anonymous: '1' } : {};
  for (const name of ['since', 'until'] as const) {
    const text = options[name];
    if (text !== undefined)
      query[name] = String(readTime(text, `--${name}`, context.now()) / 1_000);
  }
  const answer = await connect(context).open('GET', 'trace', { query });
  if (answer.body === null) return EXIT.ok;
  try {
    for await (const chunk of answer.body) await context.terminal.out(chunk);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Unreachable('the trace broke off: what was written is not all of it', null, {
      cause,
    });
  }
  return EXIT.ok;
}

/** Milliseconds of `7d` (so long ago), or of a date in the reader's own zone, unless it names another. */
function readTime(text: string, option: string, now: number): number {
  const agoMs = durationMsOf(text);
  const ms = agoMs !== undefined && /[a-z]$/.test(text) ? now - agoMs : dateOf(text);
  if (Number.isFinite(ms)) return ms;
  throw new Failure(
    EXIT.usage,
    `${option} "${text}" is no time: write 2026-11-21, 2026-11-21T18:00, or 7d for seven days ago`,
  );
}

/** A day alone begins at midnight here, not in UTC. */
const dateOf = (text: string): number =>
  /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?$/.test(text)
    ? Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'))
    : Number.NaN;
