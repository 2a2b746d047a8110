// Rules on names, words and lengths that a machine can check. Pure, so that they can be tried on made-up files.

const BANNED_NAMES = ['utils', 'util', 'helpers', 'helper', 'common', 'manager', 'handler', 'misc'];
/** A file is named after its main noun; what a tool demands keeps the tool's spelling. */
const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|contract|e2e|simulation|config|d))*\.tsx?$/;

export const FILE_LINES_MAX = 400;
export const FUNCTION_LINES_MAX = 60;

/** Sentences about the name of one source. */
export function nameFaults(path: string): readonly string[] {
  const faults: string[] = [];
  const name = path.split('/').at(-1) ?? '';
  if (!FILE_NAME.test(name)) faults.push(`${path}: not kebab-case`);
  const words = path
    .replace(/\.[a-z0-9.]+$/, '')
    .split(/[/-]/)
    .filter((word) => BANNED_NAMES.includes(word));
  for (const word of words) faults.push(`${path}: "${word}" says nothing about what is inside`);
  return faults;
}

/** Sentences about what one source says. */
export function textFaults(path: string, text: string): readonly string[] {
  const faults: string[] = [];
  const lines = text.split('\n').length - 1;
  if (lines > FILE_LINES_MAX && !isSuite(path))
    faults.push(`${path}: ${lines} lines, at most ${FILE_LINES_MAX}`);
  if (/\binterface I[A-Z][a-z]/.test(text)) faults.push(`${path}: an interface named I…`);
  if (/\b(TODO|FIXME|XXX)\b(?!.{0,40}#\d+)/.test(text))
    faults.push(`${path}: a TODO without the number of an issue`);
  if (/@ts-(ignore|expect-error|nocheck)/.test(text)) faults.push(`${path}: a silenced type error`);
  return faults;
}

/** Paths that exist on one machine only; `places` are folders of the machine this runs on. */
export function machineFaults(
  path: string,
  text: string,
  places: readonly string[],
): readonly string[] {
  const found =
    /(?<![\w.])\/(Users|root|work)\/[\w.-]+/.exec(text)?.[0] ??
    places.find((place) => text.includes(`${place}/`));
  return found === undefined ? [] : [`${path}: a path of one machine, ${found}`];
}

/** Functions longer than the ceiling, by formatted shape: from a line that opens one to the brace at its indent. */
export function longFunctions(path: string, text: string): readonly string[] {
  const found: string[] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const opening =
      /^( *)(?:export )?(?:default )?(?:static )?(?:async )?(?:function\*? ?|#?)([\w$]+)\(.*\{$/.exec(
        line,
      ) ?? /^( *)(?:export )?const ([\w$]+) = (?:async )?\(.*=> \{$/.exec(line);
    const name = opening?.[2];
    if (opening === null || name === undefined || CONTROL.has(name)) continue;
    const closing = new RegExp(`^${opening[1]}\\}`);
    const length = lines.slice(index + 1).findIndex((below) => closing.test(below)) + 2;
    if (length > FUNCTION_LINES_MAX)
      found.push(`${path}: ${name} has ${length} lines, better ${FUNCTION_LINES_MAX} at most`);
  }
  return found;
}

/** Stories of one noun may be many; a suite over the ceiling is named in a comment only. */
export const isSuite = (path: string): boolean => path.startsWith('test/');

const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'describe', 'test']);
