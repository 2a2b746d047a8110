/** `get`: fetches files of a job's directory. What broke off goes on where it was, in this run or the next. */
import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, fileRoute } from '../client.js';
import { type CommonOptions, type Context, connect, printJson, readId, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure, Unreachable } from '../failure.js';
import { type FileView, readFiles } from '../wire.js';
import { byteSize } from '../words.js';
import { isDirectory } from './files.js';

/** A download that breaks off this often without a byte in between is given up. */
const TRIES_MAX = 5;
const RETRY_MS_MIN = 250;
const PAGE_ENTRIES = 1_000;
/** Files of a directory that are fetched side by side: hides the way to the server. */
const FILES_AT_ONCE = 4;

interface Asked {
  readonly client: Client;
  readonly jobId: number;
  readonly warn: (sentence: string) => void;
}

/** Fetches one file to `destination`: a file, a directory, or `-` for standard output. With `recursive`, a directory. */
export async function get(
  context: Context,
  id: string,
  path: string,
  destination: string,
  options: CommonOptions & { readonly recursive?: boolean },
): Promise<number> {
  const { terminal } = context;
  if (options.recursive !== true && path === '')
    throw new Failure(EXIT.usage, 'name a file, or fetch all with "god get -r"');
  const warn = (sentence: string) => tell(context, sentence);
  const asked = { client: connect(context), jobId: readId(id), warn };
  if (options.recursive === true) return getAll(context, asked, { path, destination, options });
  const answer = await asked.client.open('GET', fileRoute(asked.jobId, path));
  if (isDirectory(answer)) {
    await answer.body?.cancel();
    throw new Failure(
      EXIT.refused,
      `${path} is a directory: "god files ${id} ${path}" lists it, "god get -r ${id} ${path}" fetches it`,
    );
  }
  if (destination === '-') {
    for await (const chunk of answer.body ?? []) await terminal.out(chunk);
    return EXIT.ok;
  }
  const target = targetOf(resolve(terminal.directory, destination), path);
  const bytes = await save(asked, { path, target, answer });
  if (options.json === true) await printJson(context, { path, destination: target, bytes });
  else tell(context, `${target}: ${byteSize(bytes)}`);
  return EXIT.ok;
}

/** All files below a directory. Those that are here already, with the same size and date, are not fetched again. */
async function getAll(
  context: Context,
  asked: Asked,
  {
    path,
    destination,
    options,
  }: { readonly path: string; readonly destination: string; readonly options: CommonOptions },
): Promise<number> {
  if (destination === '-')
    throw new Failure(EXIT.usage, 'a directory cannot go to standard output: name a directory');
  const base = resolve(context.terminal.directory, destination);
  const name = basename(path.replace(/\/+$/, '')) || `job-${asked.jobId}`;
  const top =
    statSync(base, { throwIfNoEntry: false })?.isDirectory() === true ? join(base, name) : base;
  const sum = { files: 0, bytes: 0, kept: 0 };
  const todo = [{ path, target: top }];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    mkdirHere(at.target);
    const { path: folder, target } = at;
    for await (const page of pagesOf(asked, folder)) {
      const files: FileView[] = [];
      for (const entry of page) {
        if (!isSafe(entry))
          asked.warn(`not fetched: ${JSON.stringify(entry.name)} is no name here`);
        else if (entry.isDirectory)
          todo.push({ path: `${folder}/${entry.name}`, target: join(target, entry.name) });
        else files.push(entry);
      }
      await inTurns(files, (entry) =>
        getOne(asked, {
          path: `${folder}/${entry.name}`,
          target: join(target, entry.name),
          entry,
          sum,
        }),
      );
    }
  }
  if (options.json === true) await printJson(context, { path, destination: top, ...sum });
  else
    tell(
      context,
      `${top}: ${sum.files} files, ${byteSize(sum.bytes)}${sum.kept === 0 ? '' : `; ${sum.kept} were here already`}`,
    );
  return EXIT.ok;
}

async function getOne(
  asked: Asked,
  {
    path,
    target,
    entry,
    sum,
  }: {
    readonly path: string;
    readonly target: string;
    readonly entry: FileView;
    readonly sum: { files: number; bytes: number; kept: number };
  },
): Promise<void> {
  const here = statSync(target, { throwIfNoEntry: false });
  const isHere =
    here?.isFile() === true &&
    here.size === entry.bytes &&
    entry.changedAt !== null &&
    Math.floor(here.mtimeMs / 1_000) === Math.floor(entry.changedAt / 1_000);
  if (isHere) {
    sum.kept += 1;
    return;
  }
  const answer = await asked.client.open('GET', fileRoute(asked.jobId, path), {
    accept: [400, 404],
  });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    // It vanished, or it is a link, a pipe or the like: none of these is a file to be had.
    asked.warn(`not fetched: ${path} is no file (any more)`);
    return;
  }
  sum.bytes += await save(asked, { path, target, answer });
  sum.files += 1;
}

async function* pagesOf(
  { client, jobId }: Asked,
  path: string,
): AsyncGenerator<readonly FileView[]> {
  const route = fileRoute(jobId, path);
  let query: Readonly<Record<string, string>> | null = { limit: String(PAGE_ENTRIES) };
  while (query !== null) {
    const answer: Response = await client.open('GET', route, { query });
    if (!isDirectory(answer)) {
      await answer.body?.cancel();
      throw new Failure(EXIT.refused, `${path} is a file: "god get ${jobId} ${path}" fetches it`);
    }
    yield readFiles(await answer.json());
    const next = /^<([^>]*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    query = next === undefined ? null : Object.fromEntries(new URLSearchParams(next));
  }
}

/** The server is trusted with contents, not with where they go. */
const isSafe = ({ name, isText }: FileView): boolean =>
  isText && name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker));
}

interface Saving {
  readonly path: string;
  readonly target: string;
  /** To a request for all of it. */
  readonly answer: Response;
}

/**
 * Under another name until it is whole, so that half a result is never taken for one. That name comes from the file and its
 * revision: after a break the next try, or the next run, goes on with what is there, if the file is still the same.
 */
async function save(asked: Asked, { path, target, answer }: Saving): Promise<number> {
  const tag = answer.headers.get('etag') ?? '';
  const of = createHash('sha256').update(`${answer.url}\0${tag}`).digest('hex').slice(0, 12);
  const part = `${target}.part-${tag === '' ? process.pid : of}`;
  let at = tag === '' ? 0 : (statSync(part, { throwIfNoEntry: false })?.size ?? 0);
  let now = answer;
  if (at > 0) {
    await now.body?.cancel();
    now = await rest(asked, path, { at, tag });
  }
  for (let tries = 1; ; tries += 1) {
    if (now.status === 200) at = 0;
    const before = at;
    try {
      if (now.status !== 416) at = await append(now, part, at);
      else await now.body?.cancel();
      renameSync(part, target);
      const changed = Date.parse(now.headers.get('last-modified') ?? '') / 1_000;
      if (Number.isFinite(changed)) utimesSync(target, changed, changed);
      return at;
    } catch (cause) {
      if (!isBroken(cause)) {
        rmSync(part, { force: true });
        throw new Failure(EXIT.localFile, `cannot write ${target}: ${(cause as Error).message}`, {
          cause,
        });
      }
      at = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
      if (at > before) tries = 1;
      if (tag === '' || tries >= TRIES_MAX) throw gaveUp(cause, { part, at, tag });
      asked.warn(`the connection broke after ${byteSize(at)}; going on`);
      await sleep(RETRY_MS_MIN * 2 ** (tries - 1));
      now = await patiently(() => rest(asked, path, { at, tag }), { part, at, tag });
    }
  }
}

const rest = (
  { client, jobId }: Asked,
  path: string,
  { at, tag }: { readonly at: number; readonly tag: string },
): Promise<Response> =>
  client.open('GET', fileRoute(jobId, path), {
    // If it has changed meanwhile, all of it comes.
    headers: { range: `bytes=${at}-`, 'if-range': tag },
    accept: [206, 416],
  });

interface Kept {
  readonly part: string;
  readonly at: number;
  readonly tag: string;
}

/** A server that starts again takes a few seconds. */
async function patiently(ask: () => Promise<Response>, kept: Kept): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (cause) {
      if (!(cause instanceof Unreachable)) throw cause;
      if (tries >= TRIES_MAX) throw gaveUp(cause, kept);
      await sleep(RETRY_MS_MIN * 2 ** tries);
    }
  }
}

function gaveUp(cause: unknown, { part, at, tag }: Kept): Failure {
  if (tag === '') rmSync(part, { force: true });
  const kept =
    tag === '' || at === 0
      ? 'nothing was kept'
      : `${byteSize(at)} are kept: the same command goes on there`;
  return new Failure(EXIT.unreachable, `the connection broke; ${kept}`, { cause });
}

/** Of fetch: the body ended before its time. */
const isBroken = (cause: unknown): boolean => cause instanceof TypeError;

async function append(answer: Response, part: string, from: number): Promise<number> {
  let at = from;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of answer.body ?? []) {
      at += chunk.length;
      yield chunk;
    }
  }
  // At a place, not at the end: who writes the same part twice writes the same bytes.
  const flags = from === 0 ? 'w' : 'r+';
  await pipeline(counted, createWriteStream(part, { flags, start: from }));
  return at;
}

function mkdirHere(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new Failure(EXIT.localFile, `cannot make ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function targetOf(destination: string, path: string): string {
  const isFolder = statSync(destination, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(destination, basename(path)) : destination;
}
