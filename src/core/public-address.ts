/**
 * Which addresses a service may be sent to by its users: those of the public internet and no others, so that nobody reaches through us what
 * stands beside us (loopback, private networks, metadata of clouds). After the IANA registries of special-purpose addresses.
 */

/** As 4 or 16 bytes; undefined: no address. A zone (`%eth0`) makes it none. */
export function bytesOf(address: string): readonly number[] | undefined {
  return address.includes(':') ? sixOf(address) : fourOf(address);
}

/** Dotted decimals only: other forms of a host have been brought to this one when its URL was read. */
function fourOf(text: string): readonly number[] | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) === true ? parts : undefined;
}

function sixOf(text: string): readonly number[] | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const tail = dotted === null ? [] : fourOf(dotted[2] ?? '');
  if (tail === undefined) return undefined;
  const rest = dotted === null ? text : (dotted[1] ?? '').replace(/([^:]):$/, '$1');
  const sides = rest.split('::');
  if (sides.length > 2) return undefined;
  const [before = '', after] = sides;
  const groups = [before, after ?? ''].map((side) => (side === '' ? [] : side.split(':')));
  if (groups.flat().some((group) => !/^[\da-fA-F]{1,4}$/.test(group))) return undefined;
  const [head = [], end = []] = groups.map((side) => side.flatMap(twoBytes));
  const missing = 16 - head.length - end.length - tail.length;
  if (after === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...new Array<number>(Math.max(0, missing)).fill(0), ...end, ...tail];
}

const twoBytes = (group: string): readonly number[] => {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
};

/** `10.0.0.0/8`; an address alone is a network of one. Undefined: neither. */
export interface Network {
  readonly bytes: readonly number[];
  readonly bits: number;
}

export function networkOf(text: string): Network | undefined {
  const [address = '', length, ...more] = text.split('/');
  const bytes = bytesOf(address);
  if (bytes === undefined || more.length > 0) return undefined;
  if (length === undefined) return { bytes, bits: bytes.length * 8 };
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : -1;
  return bits >= 0 && bits <= bytes.length * 8 ? { bytes, bits } : undefined;
}

export function isWithin(bytes: readonly number[], network: Network): boolean {
  if (bytes.length !== network.bytes.length) return false;
  for (let bit = 0; bit < network.bits; bit += 8) {
    const mask = network.bits - bit >= 8 ? 0xff : (0xff << (8 - (network.bits - bit))) & 0xff;
    const at = bit / 8;
    if (((bytes[at] ?? 0) & mask) !== ((network.bytes[at] ?? 0) & mask)) return false;
  }
  return true;
}

const networks = (...texts: readonly string[]): readonly Network[] =>
  texts.map((text) => networkOf(text)).filter((network) => network !== undefined);

const SPECIAL_FOUR = networks(
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
);
/** Of the six's only these are given out; within them some tunnel to fours, or are for examples. */
const GIVEN_OUT_SIX = networks('2000::/3');
const SPECIAL_SIX = networks('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20');
const MAPPED = networks('::ffff:0:0/96');

/** The four within a six that stands for it, else the same. */
export const unmapped = (bytes: readonly number[]): readonly number[] =>
  MAPPED.some((network) => isWithin(bytes, network)) ? bytes.slice(12) : bytes;

export function isPublic(address: string): boolean {
  const read = bytesOf(address);
  if (read === undefined) return false;
  const bytes = unmapped(read);
  const isIn = (some: readonly Network[]) => some.some((network) => isWithin(bytes, network));
  return bytes.length === 4 ? !isIn(SPECIAL_FOUR) : isIn(GIVEN_OUT_SIX) && !isIn(SPECIAL_SIX);
}
