// Runs suites in child processes and hears what they say. A suite that never finishes is killed with all it started.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { SUITES_VARIABLE } from './sources.mjs';
import { TapReader } from './tap-reader.mjs';

const alive = new Set();
/** The last lines of a process arrive well within this. */
const PIPE_CLOSING_MS = 500;
/** Given to a hung process to tell where it hangs. */
const LAST_WORDS_MS = 1_000;

/** Ends every process group that still runs; for an interrupted run. */
export function killAll() {
  for (const pid of alive) killGroup(pid);
}

const killGroup = (pid) => signalTo(-pid, 'SIGKILL');

/** A process that has ended needs no signal. */
function signalTo(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/**
 * Runs `suites` in as few processes as possible: after a crash or a kill the ones not yet run get a new process.
 * `listener` is a TapReader's, and also gets `wrote(text)` with what the suites wrote to stderr, and `processEnded(suite)`
 * with the suite that each process was at last.
 * `isYielding`: what it computes waits for what everybody else computes.
 */
export async function runSuites(root, suites, options) {
  let left = [...suites];
  while (left.length > 0) {
    const begun = await runOnce(root, left, options);
    // At least one is taken off even if the process died before it said anything, or this would never end.
    left = left.slice(Math.max(1, begun));
  }
}

/** One process. Answers how many of the suites were begun. */
async function runOnce(root, suites, { limitMs, environment, listener, isYielding = false }) {
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', join(root, 'scripts/testing/run-suites.mjs'), tagOf(suites)],
    {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Our own limit counts, by suite; tap's would count a whole process of suites.
      env: {
        ...process.env,
        ...environment,
        [SUITES_VARIABLE]: JSON.stringify(suites),
        TAP_TIMEOUT: '0',
        FORCE_COLOR: '0',
      },
    },
  );
  alive.add(child.pid);
  // Threads that it starts later inherit this.
  if (isYielding) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const watch = new Watch(child.pid, suites, limitMs, listener);
  child.stdout.setEncoding('utf8').on('data', (text) => watch.reader.push(text));
  child.stderr.setEncoding('utf8').on('data', (text) => listener.wrote(text));
  child.on('exit', () => {
    // Nothing a suite started may outlive it; what left the group may still hold our pipes, so they are closed too.
    killGroup(child.pid);
    setTimeout(() => {
      child.stdout.destroy();
      child.stderr.destroy();
    }, PIPE_CLOSING_MS).unref();
  });
  const [code, signal] = await once(child, 'close');
  alive.delete(child.pid);
  watch.ended(code, signal);
  return watch.begun;
}

/** Tells processes apart: suites never run twice at once. */
const tagOf = (suites) => createHash('sha256').update(suites.join()).digest('hex').slice(0, 8);

/** Follows one process of suites: which suite it is at, whether that one takes too long, whether it ended as it should. */
class Watch {
  begun = 0;
  reader;
  #pid;
  #suites;
  #limitMs;
  #listener;
  #timer;
  #failures = 0;
  #last = 'nothing yet';
  /** Where a late suite hangs, as tap tells when it is asked; null while nothing is late. */
  #hungAt = null;

  constructor(pid, suites, limitMs, listener) {
    this.#pid = pid;
    this.#suites = suites;
    this.#limitMs = limitMs;
    this.#listener = listener;
    this.reader = new TapReader({
      suiteStarted: (suite) => this.#started(suite),
      suiteEnded: (suite) => (this.#hungAt === null ? listener.suiteEnded(suite) : this.#kill()),
      passed: (fact) => this.#unlessLate(fact, () => listener.passed(fact)),
      skipped: (fact) => this.#unlessLate(fact, () => listener.skipped(fact)),
      failed: (fact) => this.#failed(fact),
    });
    this.#wind();
  }

  ended(code, signal) {
    clearTimeout(this.#timer);
    this.reader.end();
    if (this.#hungAt !== null) {
      const where = this.#hungAt.join(', ') || `after ${this.#last}`;
      this.#tell(`never finished: killed after ${this.#limitMs / 1000} s`, `it was at: ${where}`);
    } else if (this.#failures === 0 && (code !== 0 || this.begun < this.#suites.length)) {
      const where = this.reader.position().join(' > ') || `after ${this.#last}`;
      this.#tell(`the process ended early: ${signal ?? `code ${code}`}`, `it was at: ${where}`);
    }
    this.#listener.processEnded(this.#current());
  }

  #wind() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#hungAt = [];
      // On this signal tap fails the test that is running, by name.
      signalTo(this.#pid, 'SIGALRM');
      this.#timer = setTimeout(() => this.#kill(), LAST_WORDS_MS);
    }, this.#limitMs);
  }

  #kill() {
    clearTimeout(this.#timer);
    killGroup(this.#pid);
  }

  #started(suite) {
    // A late process is being killed: what it begins now gets a process of its own later.
    if (this.#hungAt !== null) return;
    this.begun += 1;
    this.#wind();
    this.#listener.suiteStarted(suite);
  }

  #unlessLate(fact, tell) {
    if (this.#hungAt !== null) return;
    this.#last = fact.name;
    tell();
  }

  #failed(fact) {
    if (this.#hungAt !== null) {
      this.#hungAt.push(fact.name);
      return;
    }
    this.#failures += 1;
    this.#last = fact.name;
    this.#listener.failed({ ...fact, suite: fact.suite ?? this.#current() });
  }

  #tell(name, diagnostics) {
    this.#listener.failed({ suite: this.#current(), name, diagnostics });
  }

  #current() {
    return this.#suites[Math.max(0, this.begun - 1)];
  }
}
