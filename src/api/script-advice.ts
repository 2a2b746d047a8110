/** What a look at a script finds that is allowed, and mostly a mistake. */
import type { SiteVolume } from '../contracts/auth.js';
import type { Volume } from '../core/job.js';

export const ADVICE_CODES = ['windows-line-ends', 'no-shebang', 'not-mounted'] as const;

export interface Advice {
  readonly code: (typeof ADVICE_CODES)[number];
  readonly field: 'command.cmd';
  readonly msg: string;
}

export interface ScriptFacts {
  /** What the job mounts. */
  readonly granted: readonly Volume[];
  /** What there is on the site. */
  readonly volumes: readonly SiteVolume[];
  /** Of the user, on the nodes. */
  readonly home: string | null;
  /** False: the script runs as a plain process, and sees what the machine has. */
  readonly isContained: boolean;
}

/** Paths that are told; more would say the same. */
const PATHS_TOLD_MAX = 10;
/** Of a path in a sentence. */
const PATH_CHARS_TOLD_MAX = 200;

export function scriptAdvice(script: string, facts: ScriptFacts): readonly Advice[] {
  const field = 'command.cmd';
  const found: Advice[] = [];
  if (/\r(\n|$)/.test(script))
    found.push({
      ...{ code: 'windows-line-ends', field },
      msg: 'the script has Windows line ends: its interpreter is not found, or its words end with an invisible character',
    });
  if (!script.startsWith('#!'))
    found.push({
      ...{ code: 'no-shebang', field },
      msg: 'the script does not begin with "#!" and its interpreter, such as #!/bin/bash',
    });
  if (!facts.isContained) return found;
  for (const msg of notMounted(script, facts)) found.push({ code: 'not-mounted', field, msg });
  return found;
}

function notMounted(script: string, facts: ScriptFacts): readonly string[] {
  const places = placesOf(facts);
  const told = new Set<string>();
  for (const path of pathsIn(script)) {
    if (facts.granted.some(({ mount }) => isBelow(path, mount))) continue;
    const place = places.find(({ root }) => isBelow(path, root));
    if (place !== undefined) told.add(sentence(path, place, facts.granted));
    if (told.size === PATHS_TOLD_MAX) break;
  }
  return [...told];
}

/** Where files of the site lie, on nodes or in containers. `volume`: the name of the volume that has them; null: none known. */
interface Place {
  readonly root: string;
  readonly volume: string | null;
}

function placesOf({ volumes, home }: ScriptFacts): readonly Place[] {
  const places: Place[] = [];
  const add = (path: string | null, volume: string | null): void => {
    // `$USERID` stands for the user: what is before it is told.
    const root = path?.replace(/\$.*$/, '').replace(/\/+$/, '') ?? '';
    if (root !== '') places.push({ root, volume });
  };
  const ofHome = volumes.some(({ name }) => name === 'home') ? 'home' : null;
  for (const { name, path, mount } of volumes) {
    add(path, name);
    add(mount ?? (name === 'home' ? '/mnt/home' : null), name);
  }
  add(home, ofHome);
  add('/home', ofHome);
  // The longest says most.
  return places.sort((a, b) => b.root.length - a.root.length);
}

function sentence(whole: string, { root, volume }: Place, granted: readonly Volume[]): string {
  const path = whole.slice(0, PATH_CHARS_TOLD_MAX);
  const given = granted.find(({ name }) => name === volume);
  if (given === undefined)
    return volume === null
      ? `${path} is not in the container: no volume of the job has it`
      : `${path} is not in the container: the job does not ask for the volume "${volume}"`;
  const rest = isBelow(path, given.path) ? path.slice(given.path.length) : null;
  const where = rest === null ? `${given.mount}, not at ${root}` : `${given.mount}${rest}`;
  return `${path} is not in the container: volume "${given.name}" is at ${where}`;
}

const isBelow = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`);

/** Absolute paths in the text, comments left out, in order. A word such as `a/b` or `$x/b` is none. */
function pathsIn(script: string): readonly string[] {
  // Blanks but no line ends before the mark: what spans lines takes quadratic time on a script of empty ones.
  const text = script.replace(/^[^\S\n]*#.*$/gm, '');
  return [...new Set(text.match(/(?<![\w.\-/$})*~])\/[\w.@+-]+(?:\/[\w.@+-]+)*/g) ?? [])];
}
