/** From the words and options of `run` and `submit` to the document that is sent. */
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { LIST_ITEMS_MAX, NAME_CHARS_MAX, SCRIPT_BYTES_MAX } from '../contracts/limits.js';
import type { DependenciesAsked } from './dependencies.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import type { RetryRuleAsked } from './retries.js';
import type { Terminal } from './terminal.js';

/** What the options hold, after commander read them. */
export interface SubmitOptions {
  readonly cpu?: number;
  readonly ram?: number;
  readonly gpus?: number;
  readonly image?: string;
  readonly volume?: readonly string[];
  readonly label?: readonly string[];
  readonly name?: string;
  readonly description?: string;
  readonly tag?: readonly string[];
  readonly project?: string;
  readonly ports?: readonly number[];
  readonly network?: string;
  readonly lifespan?: string;
  readonly executor?: string;
  readonly queue?: string;
  readonly retry?: number;
  readonly array?: string;
  readonly depend?: DependenciesAsked;
  /** Seconds since 1970, once it was read. */
  readonly begin?: string | number;
  readonly hold?: boolean;
  readonly dryRun?: boolean;
  /** Files of this machine. */
  readonly upload?: readonly string[];
  readonly retryOn?: readonly RetryRuleAsked[];
  readonly retryMemory?: RetryRuleAsked;
}

export interface Script {
  readonly text: string;
  /** Name for a job that was given none. */
  readonly name: string;
}

/** Words a POSIX shell takes as they are; every other is put in single quotes. */
const PLAIN_WORD = /^[A-Za-z0-9_./:@%+,-]+$/;

/** A word as a POSIX shell must see it to get exactly that word. */
export function quoteWord(word: string): string {
  // `if`, `do` … are plain words too, and a command of that name would need quotes. So does `time`.
  const isKeyword = /^(case|do|done|elif|else|esac|fi|for|if|in|then|until|while|time)$/.test(word);
  return PLAIN_WORD.test(word) && !isKeyword ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The script that runs one command. Its last line is the command, so its code is the job's code. */
export function scriptOf(words: readonly string[]): Script {
  const [command = ''] = words;
  const zero = words.find((word) => word.includes('\0'));
  if (zero !== undefined) throw new Failure(EXIT.usage, 'a command cannot hold NUL characters');
  return {
    text: `#!/bin/sh\n${words.map(quoteWord).join(' ')}\n`,
    name: nameFrom(command),
  };
}

/** The script in a file, or on standard input for `-`. */
export async function readScript(path: string, terminal: Terminal): Promise<Script> {
  const bytes =
    path === '-'
      ? await terminal.readInput(SCRIPT_BYTES_MAX)
      : readFile(resolve(terminal.directory, path));
  if (bytes.length > SCRIPT_BYTES_MAX)
    throw new Failure(
      EXIT.usage,
      `${path} is larger than ${SCRIPT_BYTES_MAX} bytes: put the data in a file of its own`,
    );
  if (bytes.includes(0))
    throw new Failure(EXIT.usage, `${path} is not a script: it holds NUL bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Failure(EXIT.usage, `${path} is not UTF-8 text`, { cause });
  }
  if (text.trim() === '') throw new Failure(EXIT.usage, `${path} is empty`);
  if (/^#![^\n]*\r/.test(text))
    throw new Failure(
      EXIT.usage,
      `${path} has Windows line ends: no system finds the interpreter of its first line`,
    );
  return { text, name: path === '-' ? 'script' : nameFrom(path) };
}

/** The document in the historic shape. What is not given is left to the server's defaults. */
export function submissionOf(script: Script, image: string | undefined, options: SubmitOptions) {
  const rules = [...(options.retryOn ?? []), ...(options.retryMemory ? [options.retryMemory] : [])];
  return {
    ...(options.project === undefined ? {} : { user: { project: options.project } }),
    meta: {
      name: options.name ?? script.name,
      description: options.description ?? '',
      tags: [...(options.tag ?? [])],
    },
    requirements: {
      ...(options.cpu === undefined ? {} : { cpu: options.cpu }),
      ...(options.ram === undefined ? {} : { ram: options.ram }),
      ...(options.gpus === undefined ? {} : { gpus: options.gpus }),
      ...(options.ports === undefined ? {} : { ports: [...options.ports] }),
      ...(options.network === undefined ? {} : { network: options.network }),
      ...(options.lifespan === undefined ? {} : { maxlifespan: options.lifespan }),
      ...(options.executor === undefined ? {} : { executor: options.executor }),
      ...(options.retry === undefined ? {} : { failure_policy: options.retry }),
      ...(rules.length === 0 ? {} : { retry: rules }),
      array: { values: options.array ?? null },
      label: [
        ...(options.label ?? []),
        ...(options.queue === undefined ? [] : [`queue==${options.queue}`]),
      ],
      tasks: [],
      ...(options.depend ?? {}),
      ...(options.begin === undefined ? {} : { not_before: options.begin }),
      ...(options.hold === true ? { hold: true } : {}),
      ...(options.upload === undefined
        ? {}
        : { uploads: options.upload.map((path) => basename(path)) }),
    },
    container: {
      ...(image === undefined ? {} : { image }),
      volumes: (options.volume ?? []).map(volumeOf),
      network: true,
      root: false,
    },
    command: { interactive: false, cmd: script.text },
  };
}

/** Reads `80,8080`; a message instead of a value is for commander. */
export function readPorts(text: string): number[] | string {
  const parts = text.split(',').filter((piece) => piece !== '');
  const ports = parts.map(Number);
  const areGood = ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536);
  if (!areGood || ports.length === 0) return 'ports are numbers from 1 to 65535, as in 80,8080';
  return ports.length > LIST_ITEMS_MAX ? `at most ${LIST_ITEMS_MAX} ports` : ports;
}

function volumeOf(asked: string): { name: string; acl?: string } {
  const [name = '', acl, ...rest] = asked.split(':');
  if (name === '' || rest.length > 0 || (acl !== undefined && acl !== 'ro' && acl !== 'rw'))
    throw new Failure(EXIT.usage, `--volume ${asked}: write NAME, NAME:ro or NAME:rw`);
  return acl === undefined ? { name } : { name, acl };
}

function nameFrom(path: string): string {
  return basename(path).slice(0, NAME_CHARS_MAX) || 'job';
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : (cause as Error).message;
    throw new Failure(EXIT.localFile, `${path}: ${why}`, { cause });
  }
}
