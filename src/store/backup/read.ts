// Reads an export, and puts it into a store: looked through first as a whole, so that a bad file changes nothing.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import type { AuditHead } from '../../contracts/audit.js';
import {
  type BackupRecord,
  type BackupTarget,
  ImportRefused,
  RECORD_KINDS,
  type RecordCounts,
} from '../../contracts/backup.js';
import { EXPORT_LINE_BYTES_MAX } from '../../contracts/limits.js';
import type { AuditNote } from '../../core/audit.js';
import type { BrokenChain } from '../../core/audit-chain.js';
import { AuditPassing } from './audit.js';
import { type Header, headerIn, recordOrTrailer, type Trailer } from './lines.js';
import { Tally } from './tally.js';

/** Records that are put together; fewer where they are large. */
const PORTION_RECORDS = 500;
const PORTION_BYTES = 4 * 1024 * 1024;

export interface Checked {
  readonly header: Header;
  readonly records: RecordCounts;
  /** Where the chain of the audit log is broken; undefined: it is whole. */
  readonly brokenAudit: BrokenChain | undefined;
}

/**
 * Looks a whole export through: every line, the counts, the checksum.
 * @throws ImportRefused damaged, newer-format
 */
export async function checkExport(path: string): Promise<Checked> {
  const reading = new ExportReading(path);
  const tally = new Tally();
  const audit = new AuditPassing();
  for await (const records of reading.records())
    for (const record of records) {
      tally.add(record);
      audit.add(record);
    }
  const { header, trailer } = reading.ends();
  const counts = tally.counts();
  for (const kind of RECORD_KINDS)
    if (trailer.records[kind] !== counts[kind])
      throw new ImportRefused(
        'damaged',
        `the export says it has ${trailer.records[kind]} records of kind ${kind}, and has ${counts[kind]}`,
      );
  return { header, records: counts, brokenAudit: audit.broken() };
}

/**
 * Puts an export that was looked through into a store: the whole of it, or nothing.
 * @throws ImportRefused
 */
export async function importExport(
  path: string,
  target: BackupTarget,
  options: Pick<Filling, 'isReplacing' | 'note'> & { readonly checked: Checked },
): Promise<void> {
  const reading = new ExportReading(path);
  const { checked, ...rest } = options;
  await fill(target, reading.records(), { ...rest, expected: () => checked.records });
}

export interface Filling {
  readonly isReplacing: boolean;
  /** Asked when all records were put. */
  readonly expected: () => RecordCounts;
  /** What the audit log tells of it, told the head of the log that is dropped, if there is one; absent: nothing. */
  readonly note?: (dropped: AuditHead | undefined, broken: BrokenChain | undefined) => AuditNote;
}

/** The whole of it, with an entry in its audit log, or nothing. */
export async function fill(
  target: BackupTarget,
  portions: AsyncIterable<readonly BackupRecord[]>,
  { isReplacing, expected, note }: Filling,
): Promise<void> {
  const dropped = await target.auditHead();
  await target.begin({ isReplacing });
  try {
    const audit = new AuditPassing();
    for await (const records of portions) {
      for (const record of records) audit.add(record);
      await target.put(records);
    }
    const own = note === undefined ? [] : audit.next(note(dropped, audit.broken()));
    await target.put(own);
    const counts = expected();
    await target.finish({ ...counts, audit: counts.audit + own.length });
  } catch (error) {
    await target.abandon();
    throw error;
  }
}

/** One look through a file. */
class ExportReading {
  readonly #path: string;
  #header: Header | undefined;
  #trailer: Trailer | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  ends(): { readonly header: Header; readonly trailer: Trailer } {
    if (this.#header === undefined || this.#trailer === undefined) return cutShort();
    return { header: this.#header, trailer: this.#trailer };
  }

  async *records(): AsyncGenerator<readonly BackupRecord[]> {
    const hash = createHash('sha256');
    let number = 0;
    let bytes = 0;
    let portion: BackupRecord[] = [];
    for await (const line of linesIn(this.#path)) {
      number++;
      if (this.#trailer !== undefined)
        throw new ImportRefused('damaged', `line ${number}: something stands behind the end`);
      const text = line.toString('utf8');
      if (number === 1) {
        this.#header = headerIn(text);
        hash.update(line).update('\n');
        continue;
      }
      const found = recordOrTrailer(text, number);
      if (found.kind === 'end') {
        this.#trailer = sound(found, { lines: number - 2, sha256: hash.digest('hex') });
        continue;
      }
      hash.update(line).update('\n');
      portion.push(found);
      bytes += line.length;
      if (portion.length < PORTION_RECORDS && bytes < PORTION_BYTES) continue;
      yield portion;
      [portion, bytes] = [[], 0];
    }
    if (portion.length > 0) yield portion;
    this.ends();
  }
}

const cutShort = (): never => {
  throw new ImportRefused('damaged', 'the export has no end: it was cut short');
};

function sound(trailer: Trailer, found: { lines: number; sha256: string }): Trailer {
  if (trailer.lines !== found.lines)
    throw new ImportRefused(
      'damaged',
      `the export says it has ${trailer.lines} records, and has ${found.lines}`,
    );
  if (trailer.sha256 !== found.sha256)
    throw new ImportRefused('damaged', 'the checksum is another one: the export was changed');
  return trailer;
}

/** Lines without their feeds, out of a file that may be packed. @throws ImportRefused damaged */
export async function* linesIn(path: string): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksIn(path)) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      const part = chunk.subarray(from, end);
      yield held.length === 0 ? part : Buffer.concat([...held, part]);
      [held, bytes, from] = [[], 0, end + 1];
    }
    if (from === chunk.length) continue;
    held.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > EXPORT_LINE_BYTES_MAX)
      throw new ImportRefused('damaged', `a line has more than ${EXPORT_LINE_BYTES_MAX} bytes`);
  }
  if (bytes > 0) yield Buffer.concat(held);
}

/** Told by its first bytes, not by its name. */
async function* chunksIn(path: string): AsyncGenerator<Buffer> {
  // First, so that a file that is not there is told here.
  const isGzip = await isPacked(path);
  const file = createReadStream(path);
  if (!isGzip) {
    yield* file as AsyncIterable<Buffer>;
    return;
  }
  const unpacked = createGunzip();
  file.on('error', (error) => unpacked.destroy(error));
  file.pipe(unpacked);
  try {
    yield* unpacked as AsyncIterable<Buffer>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') cutShort();
    if (code?.startsWith('Z_') === true)
      throw new ImportRefused('damaged', `the packed file is damaged: ${(error as Error).message}`);
    throw error;
  } finally {
    file.destroy();
  }
}

async function isPacked(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b;
  } finally {
    await file.close();
  }
}
