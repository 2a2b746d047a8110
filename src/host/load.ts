/**
 * Finds, checks and creates plugins: `plugins/<kind>-<name>.js` beside the compiled service, then in the site's own
 * folder. Whatever is wrong is told with file, plugin and fix; all wrong plugins at once. Plugins are trusted code.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Contracts,
  type Host,
  PLUGIN_KINDS,
  type Plugin,
  type PluginKind,
} from '../contracts/plugin.js';
import { describeProblem, isRaw, nearest, type Raw, Reader } from '../contracts/reader.js';
import { missingParts } from './parts.js';
import { importTypeScript, NoCompiler } from './typescript.js';

/** What is wrong with one plugin, and how to mend it. */
export interface PluginProblem {
  /** `auth-local` */
  readonly plugin: string;
  /** The file, or null when none was found. */
  readonly file: string | null;
  readonly because: string;
  readonly fix: string;
}

export class BadPlugins extends Error {
  override readonly name = 'BadPlugins';
  readonly problems: readonly PluginProblem[];

  constructor(problems: readonly PluginProblem[]) {
    super(problems.map(describePluginProblem).join('\n'));
    this.problems = problems;
  }
}

export const describePluginProblem = ({ plugin, file, because, fix }: PluginProblem): string =>
  `plugin ${plugin}${file === null ? '' : ` (${file})`}: ${because}. ${fix}.`;

export interface LoadInput {
  /** Folders in the order of search: ours first, so that no site overrides one by accident. */
  readonly folders: readonly string[];
  /** Raw options by `<kind>-<name>`. */
  readonly options: Readonly<Record<string, Raw>>;
  /** What the plugin of that kind and name may touch. */
  readonly hostFor: (kind: PluginKind, name: string) => Host;
}

export interface Wanted<Kind extends PluginKind> {
  readonly kind: Kind;
  readonly name: string;
}

/** Loads one plugin. @throws BadPlugins */
export async function loadPlugin<Kind extends PluginKind>(
  wanted: Wanted<Kind>,
  input: LoadInput,
): Promise<Contracts[Kind]> {
  const [made] = await loadPlugins([wanted], input);
  return made as Contracts[Kind];
}

/** Loads several; either all, in their order, or none. @throws BadPlugins with everything that is wrong */
export async function loadPlugins<Kind extends PluginKind>(
  wanted: readonly Wanted<Kind>[],
  input: LoadInput,
): Promise<readonly Contracts[Kind][]> {
  const problems: PluginProblem[] = [];
  const made: Contracts[Kind][] = [];
  for (const one of wanted) {
    const answer = await tryLoad(one, input);
    if ('problem' in answer) problems.push(answer.problem);
    else made.push(answer.made);
  }
  if (problems.length > 0) throw new BadPlugins(problems);
  return made;
}

/** Names come from the configuration and lead to files. */
const PLUGIN_NAME = /^[a-z0-9][a-z0-9-]*$/;

type Answer<Kind extends PluginKind> =
  | { readonly made: Contracts[Kind] }
  | { readonly problem: PluginProblem };

async function tryLoad<Kind extends PluginKind>(
  { kind, name }: Wanted<Kind>,
  { folders, options, hostFor }: LoadInput,
): Promise<Answer<Kind>> {
  const plugin = `${kind}-${name}`;
  const file = PLUGIN_NAME.test(name) ? findFile(folders, plugin) : null;
  const bad = (because: string, fix: string): Answer<Kind> => ({
    problem: { plugin, file, because, fix },
  });
  if (file === null)
    return bad('there is no such plugin', `Put ${plugin}.js into ${folders.join(' or ')}`);

  let loaded: unknown;
  try {
    loaded = (await moduleOf(file)).default;
  } catch (error) {
    if (error instanceof NoCompiler)
      return bad(
        error.message,
        `Install the package typescript beside GoDocker, or compile it to ${plugin}.js`,
      );
    return bad(`it fails to load: ${messageOf(error)}`, 'Mend the file');
  }
  const flaw = flawOf(loaded, kind, name);
  if (flaw !== undefined) return bad(flaw.because, flaw.fix);

  const { options: read, create } = loaded as Plugin<Kind, unknown>;
  const reader = new Reader(
    options[plugin] ?? {},
    (path) => `plugins.${plugin}.${path}`,
    [],
    (file) => readFileSync(file, 'utf8'),
  );
  try {
    const parsed = read(reader);
    reader.refuseUnread();
    if (reader.problems.length > 0)
      return bad(reader.problems.map(describeProblem).join('; '), 'Mend the configuration');
    const made = create(parsed, hostFor(kind, name));
    const missing = missingParts(kind, made);
    if (missing.length > 0)
      return bad(
        `what "create" returns has no function ${missing.map((part) => `"${part}"`).join(', ')}`,
        `Add what the contract of kind ${kind} asks for`,
      );
    return { made };
  } catch (error) {
    return bad(`it fails to start: ${messageOf(error)}`, 'Mend the plugin or its options');
  }
}

/** @throws whatever the file throws; NoCompiler */
const moduleOf = (file: string): Promise<Raw> =>
  file.endsWith('.ts') ? importTypeScript(file) : import(pathToFileURL(file).href);

/** A plugin is one file, or a folder with an index. */
function findFile(folders: readonly string[], plugin: string): string | null {
  for (const folder of folders) {
    for (const path of [`${plugin}.js`, `${plugin}.ts`, `${plugin}/index.js`].map((name) =>
      join(folder, name),
    ))
      if (existsSync(path)) return path;
  }
  return null;
}

function flawOf(
  loaded: unknown,
  kind: PluginKind,
  name: string,
): { readonly because: string; readonly fix: string } | undefined {
  if (!isRaw(loaded))
    return {
      because: 'it has no default export that is a plugin',
      fix: 'Write "export default definePlugin({ … })"',
    };
  if (loaded.kind !== kind) {
    const near = typeof loaded.kind === 'string' ? nearest(loaded.kind, PLUGIN_KINDS) : undefined;
    return {
      because: `its kind is ${JSON.stringify(loaded.kind) ?? 'missing'}`,
      fix: `Set kind: '${near === kind || near === undefined ? kind : near}', or rename the file`,
    };
  }
  if (loaded.name !== name)
    return {
      because: `its name is ${JSON.stringify(loaded.name) ?? 'missing'}`,
      fix: `Set name: '${name}', or rename the file`,
    };
  for (const part of ['options', 'create'])
    if (typeof loaded[part] !== 'function')
      return { because: `it has no function "${part}"`, fix: `Add ${part} to the plugin` };
  return undefined;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);
