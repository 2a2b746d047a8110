/** Sends files of this machine into the directory of a new job, part by part, and lets the job start. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, fileRoute } from './client.js';
import { EXIT } from './exit-codes.js';
import { Failure, Unreachable } from './failure.js';
import { isRecord } from './wire.js';

/** Small enough for a slow line to send before the server counts as silent. */
const PART_BYTES = 4 * 1024 * 1024;
const TRIES_MAX = 5;
const RETRY_MS_MIN = 250;

export interface LocalFile {
  readonly path: string;
  /** In the job's directory. */
  readonly name: string;
  readonly size: number;
}

/** Looked at before anything is submitted. @throws Failure: one is no file, or two have one name */
export function filesToUpload(directory: string, paths: readonly string[]): readonly LocalFile[] {
  const names = new Set<string>();
  return paths.map((text) => {
    const path = resolve(directory, text);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true)
      throw new Failure(EXIT.localFile, `--upload ${text}: there is no such file`);
    const name = basename(path);
    if (names.has(name))
      throw new Failure(EXIT.usage, `--upload: two files would be named ${name}`);
    names.add(name);
    return { path, name, size: found.size };
  });
}

/** @param asked.startsHeld the job stays as it is until `POST /task/{id}/start` */
export async function uploadAndStart(
  client: Client,
  jobId: number,
  files: readonly LocalFile[],
  asked: { readonly startsHeld: boolean; readonly warn: (sentence: string) => void },
): Promise<void> {
  try {
    for (const file of files) await send(client, jobId, file, asked.warn);
    if (asked.startsHeld) return;
    await client.json('POST', `task/${jobId}/start`);
  } catch (error) {
    asked.warn(
      `job ${jobId} was not started: its files are not there ("god kill ${jobId}" ends it)`,
    );
    throw error;
  }
}

async function send(
  client: Client,
  jobId: number,
  { path, name, size }: LocalFile,
  warn: (sentence: string) => void,
): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const digest = { 'repr-digest': `sha-256=:${hash.digest('base64')}:` };
  const put = async (range: string, bytes: Uint8Array) => {
    const headers = { 'content-range': `bytes ${range}/${size}`, ...digest };
    return readPlace(await client.json('PUT', fileRoute(jobId, name), { bytes, headers }));
  };
  const file = await open(path);
  try {
    let tries = 0;
    for (let place = { at: -1, isWhole: false }; !place.isWhole; ) {
      try {
        place = place.at < 0 ? await put('*', new Uint8Array()) : await next(place.at);
        tries = 0;
      } catch (error) {
        tries += 1;
        if (!(error instanceof Unreachable) || tries === TRIES_MAX) throw error;
        warn(`${error.message}; trying again`);
        await sleep(RETRY_MS_MIN * 2 ** tries);
        place = { at: -1, isWhole: false };
      }
    }
  } finally {
    await file.close();
  }

  async function next(at: number) {
    const buffer = Buffer.alloc(Math.min(PART_BYTES, size - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0)
      throw new Failure(EXIT.localFile, `${path} became shorter while it was sent`);
    return put(`${at}-${at + bytesRead - 1}`, buffer.subarray(0, bytesRead));
  }
}

function readPlace(answer: unknown): { at: number; isWhole: boolean } {
  if (isRecord(answer) && typeof answer.offset === 'number')
    return { at: answer.offset, isWhole: answer.msg === 'File uploaded' };
  throw new Failure(EXIT.protocol, 'the server answered an upload without its place');
}
