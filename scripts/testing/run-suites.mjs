// Imports many compiled suites into one process, one after the other: a process of its own for each would cost a second.
// The list comes in the environment: tap names the folders it makes for tests after the command line, which must stay short
// and differ between processes that run side by side.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { SUITES_VARIABLE } from './sources.mjs';
import { SUITE_ENDED, SUITE_STARTED } from './tap-reader.mjs';

/** What a suite may need to close its servers after its last test. */
const CLOSING_MS_MAX = 3_000;

/**
 * What a suite wants done at its end. Given to tap itself, it would end everything as soon as nothing runs: while the next
 * suite is still being loaded, on a slow machine.
 */
let ends = [];
t.teardown = (end) => {
  ends.unshift(end);
};

for (const file of JSON.parse(process.env[SUITES_VARIABLE] ?? '[]')) {
  t.comment(`${SUITE_STARTED}${file}`);
  try {
    await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    t.fail('the suite cannot be loaded', error instanceof Error ? error : { thrown: error });
  }
  // Tests of the top run one after the other, so this one ends when all of the suite have ended.
  await t.test(`${SUITE_ENDED}${file}`, async () => {
    const due = ends;
    ends = [];
    for (const end of due) await end();
  });
}
// Does not keep the process alive itself: it only goes off when a suite left something open. Tap's own runner, which
// gathers coverage, holds a channel to this process and has its own limit.
if (process.env.TAP_CHILD_ID === undefined)
  setTimeout(() => {
    t.fail(`something keeps the process alive: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, CLOSING_MS_MAX).unref();
