/** The list-shaped parts of the configuration: images, volumes, constraints. Undefined: the problem is in the reader. */
import { isAbsolute } from 'node:path';
import { type CatalogueImage, DYNAMIC_FIELDS, type SiteConstraint } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';

export function readImage(item: Reader): CatalogueImage | undefined {
  const url = required(item, 'url');
  const name = item.text('name', url ?? '');
  const isInteractive = item.flag('interactive', false);
  const isDefault = item.flag('default', false);
  const pull =
    item.raw('pull') == null ? null : item.choice('pull', ['missing', 'always'], 'missing');
  return url === undefined ? undefined : { name, url, isInteractive, isDefault, pull };
}

/** A volume as configured; whether its directory is checked is a key of its own. */
export interface ListedVolume {
  readonly name: string;
  readonly acl: 'ro' | 'rw';
  readonly path: string | null;
  readonly mount: string | null;
}

const RESERVED = new Set(['go-docker', 'god-ftp']);

export function readVolume(item: Reader): ListedVolume | undefined {
  const name = required(item, 'name');
  const acl = item.choice('acl', ['ro', 'rw'], 'ro');
  const path = item.optionalText('path');
  const mount = item.optionalText('mount');
  if (name === undefined) return undefined;
  if (RESERVED.has(name)) item.problem('name', name, 'a name that GoDocker does not use itself');
  if (path === null && name !== 'home')
    item.problem('path', undefined, 'the path of the directory on the hosts');
  for (const [key, value] of [
    ['path', path],
    ['mount', mount],
  ] as const) {
    if (value !== null && !isAbsolute(value)) item.problem(key, value, 'an absolute path');
  }
  return { name, acl, path, mount };
}

export function readConstraint(item: Reader): SiteConstraint | undefined {
  const name = required(item, 'name');
  const values = item.words('value', []);
  if (values.length === 0) item.problem('value', item.raw('value'), 'values, as in "ssd,disk"');
  return name === undefined ? undefined : { name, values };
}

export function readDynamicField(item: Reader) {
  const isAdminOnly = item.flag('admin_only', false);
  const asked = required(item, 'name');
  if (asked === undefined) return undefined;
  const name = DYNAMIC_FIELDS.find((one) => one === asked);
  if (name === undefined) item.problem('name', asked, `one of ${DYNAMIC_FIELDS.join(', ')}`);
  return name === undefined ? undefined : { name, isAdminOnly };
}

function required(item: Reader, key: string): string | undefined {
  const found = item.optionalText(key);
  if (found === null && item.raw(key) === undefined) item.problem(key, undefined, 'a text');
  return found ?? undefined;
}
