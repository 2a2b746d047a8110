// Writes an export: first line, records, last line with counts and a checksum.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type BackupSource, EXPORT_VERSION, type RecordCounts } from '../../contracts/backup.js';
import type { BrokenChain } from '../../core/audit-chain.js';
import { AuditPassing } from './audit.js';
import { type Header, lineOf, type Trailer } from './lines.js';
import { Tally } from './tally.js';

export interface Written {
  readonly records: RecordCounts;
  readonly sha256: string;
  /** Where the chain of the audit log is broken; undefined: it is whole. */
  readonly brokenAudit: BrokenChain | undefined;
}

/**
 * Writes to a new file beside `path`, readable by its owner only (it holds password hashes), and renames it when all is on the disk: a file of
 * that name is always whole. Packed if its name ends with `.gz`; `-` is the standard output.
 */
export async function writeExport(
  path: string,
  source: BackupSource,
  about: Pick<Header, 'at' | 'from'>,
): Promise<Written> {
  const lines = new ExportLines(source, about);
  if (path === '-') {
    await pipeline(Readable.from(lines.portions()), process.stdout, { end: false });
    return lines.written();
  }
  const fresh = `${path}.${process.pid}.part`;
  try {
    const packing: Transform[] = path.endsWith('.gz') ? [createGzip()] : [];
    const file = createWriteStream(fresh, { mode: 0o600, flags: 'wx' });
    await pipeline([Readable.from(lines.portions()), ...packing, file]);
    await sync(fresh);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  return lines.written();
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The lines of one export, and what was in them. */
export class ExportLines {
  readonly #source: BackupSource;
  readonly #header: Header;
  readonly #hash = createHash('sha256');
  readonly #tally = new Tally();
  readonly #audit = new AuditPassing();
  #written: Written | undefined;

  constructor(source: BackupSource, about: Pick<Header, 'at' | 'from'>) {
    this.#source = source;
    this.#header = { kind: 'export', product: 'godocker', version: EXPORT_VERSION, ...about };
  }

  /** Portions of whole lines. */
  async *portions(): AsyncGenerator<string> {
    yield this.#counted(`${JSON.stringify(this.#header)}\n`);
    let lines = 0;
    for await (const records of this.#source.records()) {
      if (records.length === 0) continue;
      for (const record of records) {
        this.#tally.add(record);
        this.#audit.add(record);
      }
      lines += records.length;
      yield this.#counted(records.map(lineOf).join(''));
    }
    const sha256 = this.#hash.digest('hex');
    const records = this.#tally.counts();
    this.#written = { records, sha256, brokenAudit: this.#audit.broken() };
    const trailer: Trailer = { kind: 'end', records, lines, sha256 };
    yield `${JSON.stringify(trailer)}\n`;
  }

  written(): Written {
    if (this.#written === undefined) throw new Error('the export is not over');
    return this.#written;
  }

  #counted(text: string): string {
    this.#hash.update(text);
    return text;
  }
}
