// Where the project lies, seen from a compiled suite in dist/test/<area>/.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The project's folder: above dist/test/support. */
export const projectRoot: string = join(dirname(fileURLToPath(import.meta.url)), '../../..');

export const projectFile = (...parts: readonly string[]): string => join(projectRoot, ...parts);

export const readProjectFile = (...parts: readonly string[]): string =>
  readFileSync(projectFile(...parts), 'utf8');

/** A module of scripts/, which is not compiled. */
export const importScript = (name: string): Promise<unknown> =>
  import(pathToFileURL(projectFile('scripts', name)).href);

const PASSED_OVER = /(^|\/)(node_modules|dist|generated|\.git|\.tap|\.godocker)(\/|$)/;

/** Files below `folder`, as paths from the project's root; generated and installed ones are left out. */
export function filesBelow(folder: string, isWanted: (path: string) => boolean): readonly string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    if (PASSED_OVER.test(path)) return;
    for (const entry of readdirSync(projectFile(path), { withFileTypes: true })) {
      const below = path === '.' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) visit(below);
      else if (entry.isFile() && isWanted(below) && !PASSED_OVER.test(below)) found.push(below);
    }
  };
  visit(folder);
  return found.sort();
}
