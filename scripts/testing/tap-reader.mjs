// Reads the TAP that one process of suites prints, and tells cases, failures and skips. Owns no process: lines in, facts out.
//
// A case is a subtest without subtests of its own (or a bare assertion at the top). A subtest that holds others counts
// only when it failed by itself: an assertion of its own, a throw, a timeout.

/** `run-suites.mjs` prints these around each suite, so that output and time are told apart in a shared process. */
export const SUITE_STARTED = 'suite started: ';
export const SUITE_ENDED = 'suite ended: ';

const POINT = /^(not )?ok\b(?: \d+)?(?: - )?(.*)$/;
const DIRECTIVE = /(?<!\\)# (SKIP|TODO)\b ?(.*)$/i;
const TIME = / # time=[\d.]+m?s$/;

export class TapReader {
  /** The suite that is running now, or null between suites. */
  suite = null;
  #listener;
  #held = '';
  #frames = [];
  #diagnostics = null;

  /**
   * `listener` gets `suiteStarted(suite)`, `suiteEnded(suite)`, `passed({suite, name})`,
   * `failed({suite, name, diagnostics})` and `skipped({suite, name, why})`.
   */
  constructor(listener) {
    this.#listener = listener;
  }

  push(text) {
    const lines = (this.#held + text).split('\n');
    this.#held = lines.pop() ?? '';
    for (const line of lines) this.#read(line);
  }

  end() {
    if (this.#held !== '') this.#read(this.#held);
    this.#held = '';
    this.#flush();
  }

  /** Names of the subtests that are open: where a process was when it stopped. */
  position() {
    return this.#frames.map((frame) => frame.name);
  }

  #read(line) {
    const block = this.#diagnostics;
    if (block !== null) {
      if (block.isOpen && line !== `${block.indent}...`) {
        block.lines.push(line.slice(block.indent.length));
        return;
      }
      if (block.isOpen) {
        block.isOpen = false;
        return;
      }
      if (line === `${block.indent}---`) {
        block.isOpen = true;
        return;
      }
    }
    const indent = /^ */.exec(line)?.[0].length ?? 0;
    const depth = indent / 4;
    if (!Number.isInteger(depth)) return;
    const said = line.slice(indent);
    if (said.startsWith('# Subtest: ')) {
      this.#flush();
      this.#open(depth, said.slice('# Subtest: '.length));
    } else if (depth === 0 && said.startsWith(`# ${SUITE_STARTED}`)) {
      this.#flush();
      this.suite = said.slice(SUITE_STARTED.length + 2);
      this.#listener.suiteStarted(this.suite);
    } else {
      const point = POINT.exec(said);
      if (point !== null) this.#point(depth, indent, point[1] === undefined, point[2] ?? '');
    }
  }

  #open(depth, name) {
    this.#frames.length = depth;
    const above = this.#frames[depth - 1];
    if (above !== undefined) above.holdsSubtests = true;
    this.#frames[depth] = { name, holdsSubtests: false, failedBelow: false, failures: [] };
  }

  /** A verdict is held until its diagnostics, which follow it, are complete. */
  #point(depth, indent, isOk, text) {
    this.#flush();
    this.#diagnostics = {
      depth,
      isOk,
      text: text.replace(TIME, ''),
      indent: ' '.repeat(indent + 2),
      isOpen: false,
      lines: [],
    };
  }

  #flush() {
    const point = this.#diagnostics;
    this.#diagnostics = null;
    if (point === null) return;
    const directive = DIRECTIVE.exec(point.text);
    const name = (directive === null ? point.text : point.text.slice(0, directive.index))
      .trim()
      .replaceAll('\\#', '#');
    const frame = this.#frames[point.depth];
    this.#frames.length = Math.min(this.#frames.length, point.depth);
    if (name.startsWith(SUITE_ENDED)) {
      if (!point.isOk) this.#tell(false, 'at its end', frame?.failures ?? point.lines);
      this.#listener.suiteEnded(name.slice(SUITE_ENDED.length));
      this.suite = null;
      return;
    }
    const path = [...this.position(), name].join(' > ');
    const above = this.#frames[point.depth - 1];
    if (directive !== null) this.#skip(path, directive[2] ?? '');
    else if (frame === undefined) this.#assertion(point, path, above);
    else this.#subtest(point, path, frame, above);
  }

  #skip(name, why) {
    // What `--grep` leaves out was not asked for, so it is not missed either.
    if (!why.startsWith('filter')) this.#listener.skipped({ suite: this.suite, name, why });
  }

  #assertion(point, path, above) {
    if (above !== undefined) {
      if (!point.isOk) above.failures.push([path, ...point.lines].join('\n'));
    } else this.#tell(point.isOk, path, point.lines);
  }

  #subtest(point, path, frame, above) {
    if (!point.isOk && above !== undefined) above.failedBelow = true;
    const isOwnFault = !point.isOk && (frame.failures.length > 0 || !frame.failedBelow);
    if (frame.holdsSubtests && !isOwnFault) return;
    this.#tell(point.isOk, path, frame.failures.length > 0 ? frame.failures : point.lines);
  }

  #tell(isOk, name, lines) {
    const suite = this.suite;
    if (isOk) this.#listener.passed({ suite, name });
    else this.#listener.failed({ suite, name, diagnostics: lines.join('\n') });
  }
}
