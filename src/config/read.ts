/** Reads file, environment and overrides into one frozen Config, or says everything that is wrong with them. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { Config } from '../contracts/config.js';
import { isRaw, nearest, type Problem, type Raw, Reader } from '../contracts/reader.js';
import { cautions, check } from './check.js';
import { NOT_IN_USE, RENAMED, SCHEMA, SECRETS, type Values, variableOf } from './schema.js';
import { shape } from './shape.js';

export interface ReadInput {
  /** Path from `--config`; else `$GOD_CONFIG`, else `godocker.yaml` in `directory` if it is there. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Values from the command line, by key; they win over environment and file. */
  readonly overrides?: Raw;
  /** Working directory: relative paths start here, those of the file beside the file. */
  readonly directory: string;
}

export type ReadAnswer =
  | {
      readonly kind: 'read';
      readonly config: Config;
      /** The file that was read, or null. */
      readonly file: string | null;
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

/** Keys whose values are paths; relative ones are made absolute where they are read. */
const PATHS: readonly string[] = [
  'home',
  ...SECRETS.map((path) => `${path}_file`),
  'redis.tls.ca',
  'redis.tls.cert',
  'redis.tls.key',
  'shared_dir',
  'plugins_dir',
  'tls.cert',
  'tls.key',
  'mesos.tls.ca',
  'mesos.tls.cert',
  'mesos.tls.key',
  'mesos.image_credentials',
  'ldap.ca',
];
/** An address with a login in it. */
const PASSWORD_IN_URL = /\/\/[^/@]*:[^/@]*@/;
/** Set inside of jobs, where a service may be started too: no settings of ours. */
const JOB_VARIABLES = /^GODOCKER_(JID|PWD|DATA|TASK_\w+|PORTS|CPUS|MEMORY_MB|GPUS|IMAGE)$/;
/** Settings that exist only in the environment. */
const OTHER_VARIABLES: Readonly<Record<string, string>> = { GOD_LOGLEVEL: 'log_level' };

export function readConfig(input: ReadInput): ReadAnswer {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const file = findFile(input);
  const tree = file === null ? {} : readFile(file, problems);
  const names = new Map<string, string>();

  absolutePaths(tree, file === null ? input.directory : dirname(file));
  renameOld(tree, warnings);
  for (const [path, value, name] of variables(input.environment, warnings)) {
    put(tree, path, value, input.directory);
    names.set(path, name);
  }
  for (const [path, value] of Object.entries(input.overrides ?? {}))
    put(tree, path, value, input.directory);

  const reader = new Reader(tree, (path) => names.get(path) ?? path, problems, textOf);
  const values = readValues(reader);
  const pluginOptions = readPluginOptions(reader);
  for (const path of NOT_IN_USE)
    if (reader.raw(path) !== undefined) warnings.push(`${path}: not in use yet`);
  reader.refuseUnread(['plugins']);
  check(values, reader);
  if (problems.length > 0) return { kind: 'refused', problems };
  const secrets = SECRETS.filter((path) => isSecret(path, reader.raw(path)));
  if (file !== null && isOpen(file) && secrets.some((path) => !names.has(path)))
    warnings.push(`${file}: holds secrets and everybody may read it; chmod 600 it`);
  warnings.push(...cautions(values));
  const config = shape(values, pluginOptions, input.directory);
  return { kind: 'read', config: freeze(config), file, warnings };
}

function findFile({ file, environment, directory }: ReadInput): string | null {
  const named = file ?? environment.GOD_CONFIG;
  if (named !== undefined && named !== '') return resolve(directory, named);
  const usual = resolve(directory, 'godocker.yaml');
  return existsSync(usual) ? usual : null;
}

type Tree = Record<string, unknown>;

function readFile(file: string, problems: Problem[]): Tree {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    problems.push({ path: file, found: code, wanted: 'a configuration file that can be read' });
    return {};
  }
  const document = parseDocument(text);
  for (const error of document.errors)
    problems.push({ path: file, found: firstLine(error.message), wanted: 'YAML' });
  if (document.errors.length > 0) return {};
  const tree: unknown = document.toJS() ?? {};
  if (isRaw(tree)) return structuredClone(tree);
  problems.push({ path: file, found: tree, wanted: 'keys and values' });
  return {};
}

const textOf = (file: string): string => readFileSync(file, 'utf8');

/** An address is one only with a login in it. */
const isSecret = (path: string, found: unknown): boolean =>
  found !== undefined &&
  found !== '' &&
  (path !== 'mongo.url' || PASSWORD_IN_URL.test(String(found)));

const isOpen = (file: string): boolean => (statSync(file).mode & 0o004) !== 0;

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? text;

/** Settings out of the environment: path, value, name of the variable. Unknown ones may be another program's. */
function variables(
  environment: ReadInput['environment'],
  warnings: string[],
): readonly (readonly [string, string, string])[] {
  const byName = new Map<string, string>();
  for (const path of [...Object.keys(SCHEMA), ...NOT_IN_USE]) byName.set(variableOf(path), path);
  for (const [old, path] of Object.entries(RENAMED)) byName.set(variableOf(old), path);
  for (const [name, path] of Object.entries(OTHER_VARIABLES)) byName.set(name, path);

  const found: [string, string, string][] = [];
  for (const name of Object.keys(environment).sort()) {
    const value = environment[name];
    const path = byName.get(name);
    if (value === undefined || value === '') continue;
    if (path !== undefined) found.push([path, value, name]);
    else if (name.startsWith('GODOCKER_') && !JOB_VARIABLES.test(name)) {
      const near = nearest(name, [...byName.keys()]);
      const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
      warnings.push(`${name}: no such variable${hint}`);
    }
  }
  return found;
}

function absolutePaths(tree: Tree, directory: string): void {
  for (const path of PATHS) {
    const value = new Reader(tree).raw(path);
    if (typeof value === 'string' && value !== '') put(tree, path, value, directory);
  }
}

function renameOld(tree: Tree, warnings: string[]): void {
  for (const [old, path] of Object.entries(RENAMED)) {
    if (!Object.hasOwn(tree, old)) continue;
    put(tree, path, tree[old], '/');
    delete tree[old];
    warnings.push(`${old}: now called ${path}`);
  }
}

/** Sets a value in the tree; a section that is something else in the file stays, and is a problem later. */
function put(tree: Tree, path: string, value: unknown, directory: string): void {
  const isPath = PATHS.includes(path) && typeof value === 'string';
  const parts = path.split('.');
  const last = parts.pop() ?? path;
  let section = tree;
  for (const part of parts) {
    if (!isRaw(section[part])) section[part] = {};
    section = section[part] as Tree;
  }
  section[last] = isPath ? resolve(directory, value) : value;
}

function readValues(reader: Reader): Values {
  const values: Tree = {};
  for (const [path, key] of Object.entries(SCHEMA)) values[path] = key.read(reader, path);
  return values as Values;
}

/** Sections `plugins.<kind>-<name>`; each plugin reads its own when it is loaded. */
function readPluginOptions(reader: Reader): Readonly<Record<string, Raw>> {
  const found = reader.section('plugins');
  for (const [name, options] of Object.entries(found)) {
    if (options !== null && !isRaw(options))
      reader.problem(`plugins.${name}`, options, 'a section with keys');
  }
  return Object.fromEntries(
    Object.entries(found).map(([name, options]) => [name, isRaw(options) ? options : {}]),
  );
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
