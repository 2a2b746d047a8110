/** Bodies about keys and passwords, read field by field. */
import { ServiceError } from '../contracts/errors.js';
import { KEY_NAME_CHARS_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN } from '../contracts/limits.js';
import { KEY_SCOPES, type KeyScope } from '../contracts/user.js';
import { DURATION_FORM, durationMsOf } from '../core/duration.js';
import { type Instant, instant } from '../core/units.js';

type Body = Readonly<Record<string, unknown>>;

export interface NewKey {
  readonly name: string;
  readonly scopes: readonly KeyScope[] | null;
  readonly expiresAt: Instant | null;
}

const bad = (field: string, what: string): never => {
  throw new ServiceError('bad-field', `${field} ${what}`, { field });
};

/** `{name, scopes?, expires_in?}`: a duration such as `90d`, or seconds; absent or null: no end. @throws ServiceError bad-field */
export function readNewKey(body: Body, now: Instant): NewKey {
  const { name } = body;
  if (typeof name !== 'string' || !isName(name))
    return bad('name', `must have 1 to ${KEY_NAME_CHARS_MAX} printable characters`);
  return { name, scopes: readScopes(body.scopes), expiresAt: readEnd(body.expires_in, now) };
}

/** Names stand in tables and logs. */
const isName = (text: string): boolean =>
  text.trim() === text &&
  text !== '' &&
  text.length <= KEY_NAME_CHARS_MAX &&
  !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}/]/u.test(text);

function readScopes(value: unknown): readonly KeyScope[] | null {
  if (value === undefined || value === null) return null;
  const what = `must be a list of words out of ${KEY_SCOPES.join(', ')}, or left out for everything`;
  if (!Array.isArray(value) || value.length === 0) return bad('scopes', what);
  const asked = new Set<unknown>(value);
  const known = KEY_SCOPES.filter((scope) => asked.has(scope));
  return known.length === asked.size ? known : bad('scopes', what);
}

function readEnd(value: unknown, now: Instant): Instant | null {
  if (value === undefined || value === null) return null;
  const isText = typeof value === 'string' || typeof value === 'number';
  const lifeMs = isText ? durationMsOf(String(value)) : undefined;
  if (lifeMs === undefined || lifeMs === 0) return bad('expires_in', `must be ${DURATION_FORM}`);
  return instant(now + lifeMs);
}

/** One line as in `authorized_keys`, without options. */
const SSH_KEY =
  /^(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{16,8192}={0,3}( [\x20-\x7e]{0,256})?$/;

/** `{public}`; the empty text takes it away. @throws ServiceError bad-field */
export function readSshKey(body: Body): string {
  const key = typeof body.public === 'string' ? body.public.trim() : undefined;
  if (key === '') return '';
  if (key === undefined || !SSH_KEY.test(key) || !isOfItsKind(key))
    return bad('public', 'must be one line as in an authorized_keys file, without options');
  return key;
}

/** The encoded part names its own kind. */
function isOfItsKind(line: string): boolean {
  const [kind = '', encoded = ''] = line.split(' ');
  const bytes = Buffer.from(encoded, 'base64');
  return (
    bytes.length > 4 + kind.length && bytes.subarray(4, 4 + kind.length).equals(Buffer.from(kind))
  );
}

/** `{current?, password}`. @throws ServiceError bad-field */
export function readPassword(body: Body): {
  readonly current: string | null;
  readonly password: string;
} {
  const { current, password } = body;
  if (current !== undefined && current !== null && typeof current !== 'string')
    return bad('current', 'must be a text');
  if (typeof password !== 'string') return bad('password', 'must be a text');
  const trouble = passwordTrouble(password);
  return trouble === undefined ? { current: current ?? null, password } : bad('password', trouble);
}

/** What is wrong with a new password; undefined: nothing. */
export function passwordTrouble(password: string): string | undefined {
  if ([...password].length < PASSWORD_CHARS_MIN)
    return `must have at least ${PASSWORD_CHARS_MIN} characters`;
  return Buffer.byteLength(password) > PASSWORD_BYTES_MAX
    ? `may have at most ${PASSWORD_BYTES_MAX} bytes`
    : undefined;
}
