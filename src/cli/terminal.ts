/** The outside as commands see it: streams, environment, questions, signals. Tests pass their own. */
import { homedir } from 'node:os';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { BrokenPipe } from './failure.js';

export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly home: string;
  /** Our user id; null where the system has none. */
  readonly uid: number | null;
  /** Columns of standard output; null when it is not a terminal. */
  readonly columns: number | null;
  readonly isErrTerminal: boolean;
  /** Somebody sits there: standard input and standard error are terminals. */
  readonly canAsk: boolean;
  /** Resolves when there is room for more. Rejects with `BrokenPipe` when the reader went away. */
  out(data: string | Uint8Array): Promise<void>;
  err(data: string | Uint8Array): Promise<void>;
  /** One line typed by the user; null when they pressed Ctrl-C or Ctrl-D, or `signal` was aborted. */
  ask(
    question: string,
    options?: { hidden?: boolean; signal?: AbortSignal },
  ): Promise<string | null>;
  /** Standard input up to its end, not more than `bytesMax` of it. */
  readInput(bytesMax: number): Promise<Buffer>;
  onSignal(listen: (name: SignalName) => void): () => void;
}

const SIGNALS: readonly SignalName[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The terminal, or pipes, this process was started with. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  // Write errors reach the callback of `write`; without a listener they would also end the process.
  stdout.on('error', () => {});
  stderr.on('error', () => {});
  return {
    env: process.env,
    directory: process.cwd(),
    home: homedir(),
    uid: process.getuid?.() ?? null,
    columns: stdout.isTTY ? (stdout.columns ?? 80) : null,
    isErrTerminal: stderr.isTTY === true,
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    out: (data) => writeTo(stdout, data),
    err: (data) => writeTo(stderr, data),
    ask: (question, options) => askOn({ input: stdin, output: stderr }, question, options),
    readInput,
    onSignal(listen) {
      for (const name of SIGNALS) process.on(name, listen);
      return () => {
        for (const name of SIGNALS) process.off(name, listen);
      };
    },
  };
}

function writeTo(stream: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => {
      if (error) reject(new BrokenPipe({ cause: error }));
      else resolve();
    });
  });
}

interface Asking {
  readonly hidden?: boolean;
  readonly signal?: AbortSignal;
}

/** Puts one question on `output` and reads one line of `input`, which need not be the terminal in tests. */
export function askOn(
  { input, output }: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream },
  question: string,
  { hidden = false, signal }: Asking = {},
): Promise<string | null> {
  // readline echoes what is typed to its output: a secret goes to one that drops everything.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  if (hidden) output.write(question);
  const lines = createInterface({ input, output: hidden ? nowhere : output, terminal: true });
  return new Promise((resolve) => {
    let answer: string | null = null;
    const giveUp = () => lines.close();
    signal?.addEventListener('abort', giveUp);
    lines.once('line', (line) => {
      answer = line;
      lines.close();
    });
    lines.once('SIGINT', giveUp);
    lines.once('close', () => {
      signal?.removeEventListener('abort', giveUp);
      if (hidden || answer === null) output.write('\n');
      resolve(answer);
    });
    if (!hidden) {
      lines.setPrompt(question);
      lines.prompt();
    }
  });
}

async function readInput(bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > bytesMax) break;
  }
  return Buffer.concat(chunks);
}
