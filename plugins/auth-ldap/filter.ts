// Values inside of filters, as RFC 4515 writes them: nothing of them is ever a part of the filter itself.

/** Everything but letters, digits and a few harmless marks becomes `\xx`, byte by byte. */
export const escaped = (value: string): string =>
  [...Buffer.from(value, 'utf8')]
    .map((byte) =>
      /[A-Za-z0-9@.,=_ -]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `\\${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');

/** Entries that `filter` takes and that have `value` under one of the names. */
export function personFilter(filter: string, names: readonly string[], value: string): string {
  const wanted = names.map((name) => `(${name}=${escaped(value)})`).join('');
  return `(&${filter}${names.length === 1 ? wanted : `(|${wanted})`})`;
}

/** `$LOGIN` and `$DN` of a template, each escaped; all at once, so that no value is looked at for more of them. */
export const filled = (
  template: string,
  who: { readonly login: string; readonly dn: string },
): string =>
  template.replace(/\$(LOGIN|DN)\b/g, (_, word) => escaped(word === 'DN' ? who.dn : who.login));
