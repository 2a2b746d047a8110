// What a test run says: a line for each suite, every failure with its diagnostics, every skip by name, and the sum.
import { sourceOf } from './sources.mjs';

/** Gathers what suites tell and prints it. `isVerbose` prints each case by name. */
export class Report {
  passed = 0;
  failures = [];
  skips = [];
  #isVerbose;
  #write;
  #suites = new Map();

  constructor({ isVerbose = false, write = (line) => console.log(line) } = {}) {
    this.#isVerbose = isVerbose;
    this.#write = write;
  }

  /** The listener of one process. Each has its own, since processes run side by side. */
  listener() {
    let errors = '';
    let shownErrors = false;
    return {
      suiteStarted: (suite) => {
        errors = '';
        shownErrors = false;
        this.#suites.set(suite, { startedAt: performance.now(), passed: 0, failed: 0, skipped: 0 });
      },
      suiteEnded: (suite) => this.#suiteLine(suite),
      passed: ({ suite, name }) => {
        this.passed += 1;
        this.#count(suite, 'passed');
        if (this.#isVerbose) this.#write(`    ok    ${name}`);
      },
      skipped: ({ suite, name, why }) => {
        this.skips.push({ suite, name, why });
        this.#count(suite, 'skipped');
        if (this.#isVerbose) this.#write(`    skip  ${name} (${why})`);
      },
      failed: ({ suite, name, diagnostics }) => {
        this.failures.push({ suite, name });
        this.#count(suite, 'failed');
        this.#write(`not ok  ${sourceOf(suite)} > ${name}`);
        for (const line of diagnostics.split('\n')) if (line !== '') this.#write(`        ${line}`);
        if (errors !== '' && !shownErrors) {
          this.#write('        --- written to stderr so far:');
          for (const line of errors.trimEnd().split('\n')) this.#write(`        ${line}`);
        }
        shownErrors = true;
      },
      wrote: (text) => {
        errors = (errors + text).slice(-ERRORS_SHOWN_MAX);
        if (this.#isVerbose) process.stderr.write(text);
      },
    };
  }

  /** A check that is not a suite: formatting, types. */
  check(name, isOk, output) {
    if (isOk) {
      this.passed += 1;
      this.#write(`ok      ${name}`);
      return;
    }
    this.failures.push({ suite: name, name });
    this.#write(`not ok  ${name}`);
    for (const line of output.trimEnd().split('\n')) this.#write(`        ${line}`);
  }

  /** Prints the end of the run; the sum stands alone on the last line. Answers whether all is well. */
  close() {
    if (this.skips.length > 0) {
      this.#write(`\nSkipped, ${this.skips.length} in all:`);
      for (const { suite, name, why } of this.skips)
        this.#write(`  ${sourceOf(suite)} > ${name}${why === '' ? '' : `: ${why}`}`);
    }
    if (this.failures.length > 0) {
      this.#write(`\nFailed, ${this.failures.length} in all:`);
      for (const { suite, name } of this.failures) this.#write(`  ${sourceOf(suite)} > ${name}`);
    }
    this.#write(
      `\n${this.passed} passed, ${this.failures.length} failed, ${this.skips.length} skipped`,
    );
    return this.failures.length === 0;
  }

  #count(suite, what) {
    const counts = this.#suites.get(suite);
    if (counts !== undefined) counts[what] += 1;
  }

  #suiteLine(suite) {
    const counts = this.#suites.get(suite);
    if (counts === undefined) return;
    const seconds = ((performance.now() - counts.startedAt) / 1000).toFixed(1);
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    const verdict = counts.failed === 0 ? 'ok    ' : 'not ok';
    this.#write(`${verdict}  ${sourceOf(suite)} (${counts.passed} passed${skipped}, ${seconds} s)`);
  }
}

/** Enough of a suite's stderr to see why it failed, in bytes. */
const ERRORS_SHOWN_MAX = 8_000;
