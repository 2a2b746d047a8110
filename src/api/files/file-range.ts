/** A part of an open file as a stream that is exactly as long as was promised, or fails. */
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { BecameShorter } from '../../contracts/files.js';

const READ_BYTES = 64 * 1024;

/**
 * Reads only what is asked for, so a slow reader costs one piece of memory. Closes the file at its end. A file that became
 * shorter breaks the connection: a client told a length would take the next answer for the missing bytes.
 */
export class FileRange extends Readable {
  readonly #handle: FileHandle;
  readonly #end: number;
  #at: number;

  /** `end` is included. */
  constructor(
    handle: FileHandle,
    { start, end }: { readonly start: number; readonly end: number },
  ) {
    super({ highWaterMark: READ_BYTES });
    this.#handle = handle;
    this.#at = start;
    this.#end = end;
  }

  override _read(): void {
    this.#next().then(
      (bytes) => this.push(bytes),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async #next(): Promise<Buffer | null> {
    const left = this.#end + 1 - this.#at;
    if (left <= 0) return null;
    const length = Math.min(READ_BYTES, left);
    const { bytesRead, buffer } = await this.#handle.read(
      ...([Buffer.allocUnsafe(length), 0, length, this.#at] as const),
    );
    if (bytesRead === 0) throw new BecameShorter('the file became shorter while it was sent');
    this.#at += bytesRead;
    return buffer.subarray(0, bytesRead);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#handle.close().then(
      () => done(error),
      (cause: unknown) => done(error ?? (cause instanceof Error ? cause : null)),
    );
  }
}
