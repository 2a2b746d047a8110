/** Reads test/transcripts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JSON_TYPE, type MediaType, PROTOBUF_TYPE } from '../../src/mesos/codec.js';
import { RecordDecoder } from '../../src/mesos/recordio.js';

/** Tests run compiled, from dist/test/mesos. */
const FOLDER = fileURLToPath(new URL('../../../test/transcripts/', import.meta.url));

export const transcript = (file: string): Buffer => readFileSync(join(FOLDER, file));

export const transcripts = (ending: string): string[] =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(ending))
    .sort();

export const records = (bytes: Buffer): Buffer[] => new RecordDecoder().push(bytes);

/** No binary message of ours begins with a brace. */
export const mediaTypeOf = (record: Buffer | undefined): MediaType =>
  record?.[0] === '{'.charCodeAt(0) ? JSON_TYPE : PROTOBUF_TYPE;

/** JSON lines. */
export const lines = (file: string): unknown[] =>
  transcript(file)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
