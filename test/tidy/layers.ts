// Who may import whom. A pure check on source text, so that it can be tried on made-up files.
import { dirname, normalize } from 'node:path/posix';

/** A folder of src/ may import from itself and from these. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  contracts: ['core'],
  config: ['contracts', 'core'],
  mesos: ['contracts', 'core'],
  localmesos: ['mesos', 'contracts', 'core'],
  store: ['contracts', 'core'],
  daemon: ['contracts', 'core'],
  api: ['contracts', 'core'],
  cli: ['contracts', 'core'],
  host: ['contracts', 'core'],
  whatif: ['contracts', 'core'],
  plugins: ['contracts', 'core'],
};

/** Launchers and what they may start. */
const MAY_LAUNCH: Readonly<Record<string, readonly string[]>> = {
  'bin/godocker.ts': ['service'],
  'bin/god.ts': ['cli'],
};

const BANNED_IN_CORE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'Date.now: instants are arguments'],
  [/\bnew Date\(\s*\)/, 'new Date(): instants are arguments'],
  [/\bperformance\.now\b/, 'performance.now: instants are arguments'],
  [/\bMath\.random\b/, 'Math.random: chance is an argument'],
  [/\brandomUUID\b/, 'randomUUID: chance is an argument'],
  [/\basync\b/, 'async: the core waits for nothing'],
  [/\bset(Timeout|Interval|Immediate)\b/, 'timers: the core waits for nothing'],
  [/\bprocess\./, 'process: the core has no surroundings'],
];

/** Every module a source names: static, re-exported, type-only, dynamic and `import('x').Type`. */
export function importsOf(text: string): readonly string[] {
  const code = withoutComments(text);
  const found: string[] = [];
  for (const pattern of [
    /\bfrom\s*(['"])([^'"]+)\1/g,
    // Begins a statement: it may be the last word of a text, as in 'store.import'.
    /(?:^|;)\s*import\s*(['"])([^'"]+)\1/gm,
    /\bimport\s*\(\s*(['"`])([^'"`]+)\1/g,
    /\brequire(?:\.resolve)?\s*\(\s*(['"`])([^'"`]+)\1/g,
  ])
    for (const match of code.matchAll(pattern)) found.push(match[2] ?? '');
  return found;
}

/** Sentences that say what is wrong with one source, `path` from the project's root. Empty: all is well. */
export function layerFaults(path: string, text: string): readonly string[] {
  const layer = layerOf(path);
  if (layer === undefined)
    return [`${path}: no layer is known for this folder; add it to the table`];
  const faults: string[] = [];
  for (const module of importsOf(text)) {
    const fault = importFault(path, layer, module);
    if (fault !== undefined) faults.push(`${path}: ${fault}`);
  }
  if (layer === 'core')
    for (const [banned, why] of BANNED_IN_CORE)
      if (banned.test(withoutComments(text))) faults.push(`${path}: ${why}`);
  return faults;
}

function importFault(path: string, layer: string, module: string): string | undefined {
  if (!module.startsWith('.'))
    return layer === 'core' ? `core imports nothing, not even "${module}"` : undefined;
  const target = normalize(`${dirname(path)}/${module}`);
  const targetLayer = layerOf(target);
  if (targetLayer === layer || layer === 'service') return undefined;
  const allowed = MAY_LAUNCH[path] ?? MAY_IMPORT[layer] ?? [];
  if (targetLayer !== undefined && allowed.includes(targetLayer)) return undefined;
  return `${layer} must not import ${targetLayer ?? target} ("${module}")`;
}

function layerOf(path: string): string | undefined {
  if (/^src\/(service|main)\.[jt]s$|^src\/service\//.test(path)) return 'service';
  if (/^bin\//.test(path)) return 'bin';
  if (/^plugins\//.test(path)) return 'plugins';
  const folder = /^src\/([a-z]+)\//.exec(path)?.[1];
  return folder !== undefined && folder in MAY_IMPORT ? folder : undefined;
}

/** Good enough for this project's formatted sources; a `//` inside a string stays because of the character before it. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
