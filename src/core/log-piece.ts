/** Bytes of a log as they go into an event: as text where they are text, cut where a character ends. */

/** `offset`: of the first byte. */
export type LogPiece =
  | { readonly offset: number; readonly text: string }
  /** Not UTF-8. */
  | { readonly offset: number; readonly base64: string };

/**
 * The whole bytes that can be told; the rest is the beginning of a character whose end has not been written yet.
 * @param isLast nothing will follow, so that an unfinished character is told too, as bytes
 */
export function wholeLength(bytes: Uint8Array, isLast: boolean): number {
  if (isLast) return bytes.length;
  // The last character begins in the last four bytes, or these are no UTF-8.
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return charLength(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** As the first byte of a character announces it. */
const charLength = (first: number): number =>
  first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
