// What a test run says: a line for each suite, every failure with its diagnostics, every skip by name, and the sum.
import { sourceOf } from './sources.mjs';

/**
 * Gathers what suites tell and prints it. `isVerbose` prints each case by name. What one suite says is printed together,
 * at its end; `isLive` prints it as it comes, which only makes sense when one suite runs at a time.
 */
export class Report {
  passed = 0;
  failures = [];
  skips = [];
  #isVerbose;
  #isLive;
  #write;
  #startedAt = performance.now();
  #suites = new Map();
  #listeners = new Set();

  constructor({ isVerbose = false, isLive = false, write = (line) => console.log(line) } = {}) {
    this.#isVerbose = isVerbose;
    this.#isLive = isLive;
    this.#write = write;
  }

  /** The listener of one process. Each has its own, since processes run side by side. */
  listener() {
    let errors = '';
    let shownErrors = false;
    let held = [];
    const say = (line) => {
      if (this.#isLive) this.#write(line);
      else held.push(line);
    };
    const flush = () => {
      for (const line of held) this.#write(line);
      held = [];
    };
    const close = (suite) => {
      const line = this.#suiteLine(suite);
      if (line !== undefined) say(line);
      flush();
    };
    const listener = {
      suiteStarted: (suite) => {
        errors = '';
        shownErrors = false;
        const startedAt = performance.now();
        this.#suites.set(suite, { startedAt, seconds: null, passed: 0, failed: 0, skipped: 0 });
      },
      suiteEnded: close,
      /** It may have ended in the middle of a suite. */
      processEnded: (suite) => {
        close(suite);
        this.#listeners.delete(listener);
      },
      passed: ({ suite, name }) => {
        this.passed += 1;
        this.#count(suite, 'passed');
        if (this.#isVerbose) say(`    ok    ${name}`);
      },
      skipped: ({ suite, name, why }) => {
        this.skips.push({ suite, name, why });
        this.#count(suite, 'skipped');
        if (this.#isVerbose) say(`    skip  ${name} (${why})`);
      },
      failed: ({ suite, name, diagnostics }) => {
        this.failures.push({ suite, name });
        this.#count(suite, 'failed');
        say(`not ok  ${sourceOf(suite)} > ${name}`);
        for (const line of diagnostics.split('\n')) if (line !== '') say(`        ${line}`);
        if (errors !== '' && !shownErrors) {
          say('        --- written to stderr so far:');
          for (const line of errors.trimEnd().split('\n')) say(`        ${line}`);
        }
        shownErrors = true;
      },
      wrote: (text) => {
        errors = (errors + text).slice(-ERRORS_SHOWN_MAX);
        if (this.#isVerbose && this.#isLive) process.stderr.write(text);
        else if (this.#isVerbose)
          for (const line of text.trimEnd().split('\n')) say(`    | ${line}`);
      },
      flush,
    };
    this.#listeners.add(listener);
    return listener;
  }

  /** Prints what is held of suites that have not ended; for an interrupted run. */
  flush() {
    for (const { flush } of this.#listeners) flush();
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
    this.#slowest();
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

  /** Undefined: it began nowhere, or its line was told already. */
  #suiteLine(suite) {
    const counts = this.#suites.get(suite);
    if (counts === undefined || counts.seconds !== null) return undefined;
    counts.seconds = (performance.now() - counts.startedAt) / 1000;
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    const verdict = counts.failed === 0 ? 'ok    ' : 'not ok';
    return `${verdict}  ${sourceOf(suite)} (${counts.passed} passed${skipped}, ${counts.seconds.toFixed(1)} s)`;
  }

  /** Where the time goes; nothing to tell of a single suite. */
  #slowest() {
    const ended = [...this.#suites].filter(([, { seconds }]) => seconds !== null);
    if (ended.length < 2) return;
    const slowest = ended.sort(([, a], [, b]) => b.seconds - a.seconds).slice(0, SLOWEST_SHOWN_MAX);
    const minutes = ((performance.now() - this.#startedAt) / 60_000).toFixed(1);
    this.#write(`\n${ended.length} suites in ${minutes} minutes; the slowest:`);
    for (const [suite, { seconds }] of slowest)
      this.#write(`  ${seconds.toFixed(1).padStart(6)} s  ${sourceOf(suite)}`);
  }
}

/** Enough of a suite's stderr to see why it failed, in bytes. */
const ERRORS_SHOWN_MAX = 8_000;
const SLOWEST_SHOWN_MAX = 10;
