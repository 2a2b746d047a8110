// A suite is named by its source, `test/core/units.test.ts`, and run from its compiled file, `dist/test/core/units.test.js`.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A JSON list of compiled suites, for `run-suites.mjs`. */
export const SUITES_VARIABLE = 'GODOCKER_TEST_SUITES';

export const sourceOf = (file) =>
  String(file)
    .replace(/^dist\//, '')
    .replace(/\.js$/, '.ts');

/** Undefined when there is no such suite, or when it has not been compiled. */
export function compiledSuite(root, source) {
  const relative = source.replace(/^\.\//, '').replace(/^dist\//, '');
  const file = join('dist', relative.replace(/\.ts$/, '.js'));
  return existsSync(join(root, file)) ? file : undefined;
}
