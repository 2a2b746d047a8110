// Fields of documents that nobody checked: what is of another kind than it should be counts as absent.

export type Found = Readonly<Record<string, unknown>>;

export const partOf = (found: Found | undefined, name: string): Found => {
  const value = found?.[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Found)
    : {};
};

export const textIn = (found: Found, name: string): string | null => {
  const value = found[name];
  return typeof value === 'string' ? value : null;
};

/** Numbers in quotes are numbers, too: old clients sent them. */
export const numberIn = (found: Found, name: string): number | null => {
  const value = found[name];
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
};

export const listIn = (found: Found, name: string): readonly unknown[] => {
  const value = found[name];
  return Array.isArray(value) ? value : [];
};

export const textsIn = (found: Found, name: string): readonly string[] =>
  listIn(found, name).filter((one) => typeof one === 'string');

export const numbersIn = (found: Found, name: string): readonly number[] =>
  listIn(found, name)
    .map(Number)
    .filter((one) => Number.isSafeInteger(one));

/** Whole and at least 0. */
export const amountIn = (found: Found, name: string): number =>
  Math.max(0, Math.round(numberIn(found, name) ?? 0));
