/** RecordIO, the framing of Mesos' event streams: decimal length, newline, that many bytes, and so on. */
import { RECORD_BYTES_MAX } from '../contracts/limits.js';

/** The bytes cannot be a record stream any more; nothing after them can be trusted. Subscribe anew. */
export class BrokenStream extends Error {
  override readonly name = 'BrokenStream';
}

const NEWLINE = 0x0a;
const DIGITS_MAX = String(RECORD_BYTES_MAX).length;

/** One record as it travels. Send it with a single write: some clients need a record and its length in one piece. */
export function encodeRecord(record: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${record.length}\n`, 'latin1'), record]);
}

/**
 * Bytes in, whole records out. It owns no socket, so a test may feed it one byte at a time. Each byte is copied at
 * most once, however small the chunks are.
 */
export class RecordDecoder {
  /** Digits of a length that has not ended yet. */
  #digits = '';
  /** Chunks of the record being read, and how many bytes it still lacks; undefined: a length comes next. */
  #chunks: Buffer[] = [];
  #missing: number | undefined;

  /**
   * The records that `chunk` completes, in order. They may share its memory.
   * @throws BrokenStream when a length is not a number, never ends or exceeds `RECORD_BYTES_MAX`.
   */
  push(chunk: Uint8Array): Buffer[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const records: Buffer[] = [];
    let at = 0;
    while (at < bytes.length || this.#missing === 0) {
      if (this.#missing === undefined) {
        at = this.#readLength(bytes, at);
        continue;
      }
      const end = Math.min(bytes.length, at + this.#missing);
      if (end > at) this.#chunks.push(bytes.subarray(at, end));
      this.#missing -= end - at;
      at = end;
      if (this.#missing === 0) records.push(this.#finish());
    }
    return records;
  }

  /** True between records: the stream may end here without a loss. */
  get isBetweenRecords(): boolean {
    return this.#missing === undefined && this.#digits === '';
  }

  /** Reads digits from `at`; returns where it stopped. */
  #readLength(bytes: Buffer, at: number): number {
    // A length is short, so a long chunk without a newline need not be searched to its end.
    const newline = bytes.subarray(at, at + DIGITS_MAX + 1).indexOf(NEWLINE);
    const end = newline === -1 ? bytes.length : at + newline;
    const digits = this.#digits + bytes.toString('latin1', at, Math.min(end, at + DIGITS_MAX + 1));
    if (digits.length > DIGITS_MAX) throw new BrokenStream(`length never ends: "${digits}"`);
    if (newline === -1) {
      this.#digits = digits;
      return end;
    }
    const size = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
    if (!(size <= RECORD_BYTES_MAX)) throw new BrokenStream(`bad length "${digits}"`);
    this.#digits = '';
    this.#missing = size;
    return end + 1;
  }

  #finish(): Buffer {
    const [first, ...rest] = this.#chunks;
    const record =
      first === undefined
        ? Buffer.alloc(0)
        : rest.length === 0
          ? first
          : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#missing = undefined;
    return record;
  }
}
