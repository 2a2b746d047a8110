/**
 * Blocks of a tar archive: the POSIX form, with extended headers for long names and sizes; of names that are no UTF-8 the
 * bytes themselves, as GNU tar writes them. Pure. Libraries take names as texts, which names of files need not be.
 */

export const BLOCK_BYTES = 512;
/** Eleven octal digits. */
const OCTAL_MAX = 8 ** 11;
const NAME_BYTES_MAX = 100;

export interface TarEntry {
  /** Without a slash at its end, also of a directory. */
  readonly path: Buffer;
  readonly type: 'file' | 'dir';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that follow the header; 0 for directories. */
  readonly size: number;
  readonly mtimeMs: number;
}

/** What stands before the content of an entry. */
export function tarHeader(entry: TarEntry): Buffer {
  const path =
    entry.type === 'dir' ? Buffer.concat([entry.path, Buffer.from('/')]) : Buffer.from(entry.path);
  const isLong = path.length > NAME_BYTES_MAX;
  const isText = path.equals(Buffer.from(path.toString('utf8')));
  const records: Buffer[] = [];
  if (isText && (isLong || !isAscii(path))) records.push(record('path', path));
  if (entry.size >= OCTAL_MAX) records.push(record('size', Buffer.from(String(entry.size))));
  const before: Buffer[] = [];
  if (!isText && isLong) before.push(...extra('L', Buffer.concat([path, Buffer.of(0)])));
  if (records.length > 0) before.push(...extra('x', Buffer.concat(records)));
  const flag = entry.type === 'dir' ? '5' : '0';
  return Buffer.concat([...before, block(path, flag, entry)]);
}

/** Zeros up to the next block. */
export const tarPadding = (size: number): Buffer =>
  Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);

export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte >= 0x20 && byte < 0x7f);

/** `<length of all> <key>=<value>\n`: the length counts its own digits. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A header of its own that says more of the next one. */
function extra(flag: 'x' | 'L', content: Buffer): Buffer[] {
  const facts = { mode: 0o644, uid: 0, gid: 0, size: content.length, mtimeMs: 0 };
  const name = flag === 'x' ? 'PaxHeader' : '././@LongLink';
  return [block(Buffer.from(name), flag, facts), content, tarPadding(content.length)];
}

const octal = (value: number, digits: number): string =>
  Math.min(Math.max(0, Math.floor(value)), 8 ** digits - 1)
    .toString(8)
    .padStart(digits, '0');

function block(
  name: Buffer,
  flag: string,
  { mode, uid, gid, size, mtimeMs }: Omit<TarEntry, 'path' | 'type'>,
): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES);
  name.copy(bytes, 0, 0, NAME_BYTES_MAX);
  const write = (at: number, text: string) => bytes.write(text, at, 'latin1');
  write(100, octal(mode, 7));
  write(108, octal(uid, 7));
  write(116, octal(gid, 7));
  write(124, octal(size, 11));
  write(136, octal(mtimeMs / 1_000, 11));
  // The sum is made as if its own field were blank.
  write(148, ' '.repeat(8));
  write(156, flag);
  write(257, 'ustar\0');
  write(263, '00');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  write(148, `${octal(sum, 6)}\0 `);
  return bytes;
}
