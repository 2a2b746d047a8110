// Large calls in portions, so that nobody waits long behind one.

/** Items mapped without a pause for others. */
const MAPPED_AT_ONCE = 200;

/** Maps with pauses, so that a large call does not hold up the event loop. */
export async function inPortions<T, U>(items: readonly T[], map: (item: T) => U): Promise<U[]> {
  if (items.length <= MAPPED_AT_ONCE) return items.map(map);
  const mapped: U[] = [];
  for (const slice of slices(items, MAPPED_AT_ONCE)) {
    for (const item of slice) mapped.push(map(item));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return mapped;
}

export function* slices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
