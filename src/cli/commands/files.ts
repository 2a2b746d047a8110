/** `logs`, `files` and `get`: what lies in a job's directory. */
import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileRoute } from '../client.js';
import { type CommonOptions, type Context, connect, printJson, readId, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { follow, readOnce } from '../follow.js';
import { table } from '../table.js';
import { readFiles } from '../wire.js';
import { byteSize } from '../words.js';
import { streamWriter } from './run.js';

/** How a directory is told from a file: existing clients compare it to the letter. */
const DIRECTORY_TYPE = 'application/json; charset=UTF-8';

export async function logs(
  context: Context,
  id: string,
  options: CommonOptions & { follow?: boolean; err?: boolean },
): Promise<number> {
  const name = options.err === true ? 'god.err' : 'god.log';
  const write = streamWriter(context, { name, isJson: options.json === true, toErr: false });
  const request = {
    client: connect(context),
    jobId: readId(id),
    streams: [{ name, write }] as const,
    warn: (sentence: string) => tell(context, sentence),
  };
  if (options.follow === true) await follow(request);
  else if (!(await readOnce(request))) tell(context, `job ${id} has no ${name} yet`);
  return EXIT.ok;
}

export async function files(
  context: Context,
  id: string,
  path: string,
  options: CommonOptions,
): Promise<number> {
  const answer = await connect(context).open('GET', fileRoute(readId(id), path));
  if (!isDirectory(answer)) {
    await answer.body?.cancel();
    throw new Failure(EXIT.refused, `${path} is a file: "god get ${id} ${path}" fetches it`);
  }
  const found = readFiles(await answer.json());
  const entries = [...found].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  if (options.json === true) {
    const docs = entries.map(({ name, isDirectory, bytes }) => ({
      name,
      type: isDirectory ? 'dir' : 'file',
      size: bytes,
    }));
    await printJson(context, docs);
  } else if (entries.length === 0) tell(context, 'nothing there');
  else
    await context.terminal.out(
      table(
        entries,
        [
          {
            title: 'SIZE',
            value: (entry) => (entry.isDirectory ? '-' : byteSize(entry.bytes)),
            isRight: true,
          },
          { title: 'NAME', value: (entry) => `${entry.name}${entry.isDirectory ? '/' : ''}` },
        ],
        context.terminal.columns,
      ),
    );
  return EXIT.ok;
}

/** Fetches one file to `destination`: a file, a directory, or `-` for standard output. */
export async function get(
  context: Context,
  id: string,
  path: string,
  destination: string,
  options: CommonOptions,
): Promise<number> {
  const { terminal } = context;
  const answer = await connect(context).open('GET', fileRoute(readId(id), path));
  if (isDirectory(answer)) {
    await answer.body?.cancel();
    throw new Failure(EXIT.refused, `${path} is a directory: "god files ${id} ${path}" lists it`);
  }
  if (destination === '-') {
    for await (const chunk of answer.body ?? []) await terminal.out(chunk);
    return EXIT.ok;
  }
  const target = targetOf(resolve(terminal.directory, destination), path);
  const bytes = await save(answer, target);
  if (options.json === true) await printJson(context, { path, destination: target, bytes });
  else tell(context, `${target}: ${byteSize(bytes)}`);
  return EXIT.ok;
}

/** Under another name until it is whole, so that half a result is never taken for one. */
async function save(answer: Response, target: string): Promise<number> {
  const fresh = `${target}.part-${process.pid}`;
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of answer.body ?? []) {
      bytes += chunk.length;
      yield chunk;
    }
  }
  try {
    await pipeline(counted, createWriteStream(fresh, { flags: 'wx' }));
    renameSync(fresh, target);
  } catch (cause) {
    rmSync(fresh, { force: true });
    if (cause instanceof TypeError)
      throw new Failure(EXIT.unreachable, 'the connection broke; nothing was kept', { cause });
    throw new Failure(EXIT.localFile, `cannot write ${target}: ${(cause as Error).message}`, {
      cause,
    });
  }
  return bytes;
}

function targetOf(destination: string, path: string): string {
  const isFolder = statSync(destination, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(destination, basename(path)) : destination;
}

const isDirectory = (answer: Response): boolean =>
  answer.headers.get('content-type') === DIRECTORY_TYPE;
