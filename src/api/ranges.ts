/** One byte range of a `Range` header, as RFC 9110 has it. Several ranges, or other units: the whole file. */
export type RangeAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  /** The file has nothing there (yet): 416. */
  | { readonly kind: 'outside' };

/** `end` is included. A file that grows is followed with `bytes=N-`: `outside` means nothing new. */
export function readRange(header: string, size: number): RangeAnswer {
  const parts = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  const [, first = '', last = ''] = parts ?? [];
  if (parts === null || (first === '' && last === '')) return { kind: 'whole' };
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? { kind: 'outside' } : { kind: 'part', start: size - count, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return { kind: 'whole' };
  return start >= size ? { kind: 'outside' } : { kind: 'part', start, end };
}

/** Whether what an `If-Range` header names is what stands there now; else the whole file is sent. */
export function isSameRevision(
  header: string | undefined,
  {
    tag,
    mtimeMs,
    nowMs,
  }: { readonly tag: string; readonly mtimeMs: number; readonly nowMs: number },
): boolean {
  if (header === undefined) return true;
  if (header.startsWith('"') || header.startsWith('W/')) return header === tag;
  // A date tells one second from another: what changed just now may change again within it.
  const seconds = Math.floor(mtimeMs / 1_000);
  return Date.parse(header) === seconds * 1_000 && nowMs - mtimeMs > 2_000;
}
