import { Client } from './client.js';
import { requireLogin } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import type { Terminal } from './terminal.js';
import { plain } from './words.js';

/** What every command gets. */
export interface Context {
  readonly terminal: Terminal;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** Options that all commands share. */
export interface CommonOptions {
  readonly json?: boolean;
}

/** One line of ours on standard error; a log that goes there too stays tellable from it. */
export function tell({ terminal }: Context, sentence: string): void {
  // Nobody is left to hear when standard error is closed; the exit code still tells.
  terminal.err(`god: ${plain(sentence)}\n`).catch(() => {});
}

export function connect(context: Context): Client {
  return new Client(requireLogin(context.terminal), (sentence) => tell(context, sentence));
}

/** One JSON document for machines. */
export function printJson({ terminal }: Context, value: unknown): Promise<void> {
  return terminal.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** One JSON document on one line, for answers that come bit by bit. */
export function printJsonLine({ terminal }: Context, value: unknown): Promise<void> {
  return terminal.out(`${JSON.stringify(value)}\n`);
}

export function readId(typed: string): number {
  if (!/^[1-9]\d{0,14}$/.test(typed))
    throw new Failure(EXIT.usage, `"${typed}" is not the id of a job: ids are whole numbers`);
  return Number(typed);
}
