import type { Client } from '../client.js';
import { type CommonOptions, type Context, connect, printJsonLine, tell } from '../context.js';
import { HarmlessText } from '../escapes.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { follow, type LogStream, type StreamName } from '../follow.js';
import type { SubmitOptions } from '../submission.js';
import type { SignalName } from '../terminal.js';
import type { FormerLaunchView, JobView } from '../wire.js';
import { duration, exitCodeOf, formerWords, outcomeWords } from '../words.js';
import { type Asked, scriptFor, sendJob } from './submit.js';

interface Relaunch {
  readonly launches: number;
  /** Launches at the last look. */
  readonly before: number;
  readonly former: readonly FormerLaunchView[];
}

export interface RunOptions extends SubmitOptions, CommonOptions {
  readonly quiet?: boolean;
}

/** Submits, shows the output while it is written, and exits as the job did. */
export async function run(context: Context, asked: Asked, options: RunOptions): Promise<number> {
  const script = await scriptFor(context, asked);
  const client = connect(context);
  const { id, warnings } = await sendJob(context, client, script, options);
  const say = (sentence: string) => {
    if (options.quiet !== true) tell(context, sentence);
  };
  if (options.json === true) await printJsonLine(context, { event: 'submitted', id, warnings });
  else say(`job ${id} submitted`);
  const watch = new Interruptions(context, client, id);
  const tellRelaunch = ({ launches, before, former }: Relaunch) => {
    if (options.json === true) {
      void printJsonLine(context, { event: 'relaunched', id, launches, former });
      return;
    }
    const news = former.filter(({ launch }) => launch >= before);
    for (const one of news) say(`job ${id} is launched again after ${formerWords(one)}`);
    if (news.length === 0) say(`job ${id} is launched again`);
  };
  // The members of an array have output of their own.
  const streams =
    options.array !== undefined ? [] : outputOf(context, options.json === true, watch);
  try {
    const job = await watch.during((signal) =>
      follow({
        client,
        jobId: id,
        streams,
        signal,
        warn: say,
        isFromFirst: true,
        onRelaunch: (launches, before, former) => tellRelaunch({ launches, before, former }),
        onState: (state) => {
          if (state === 'held' || state === 'unreachable') say(`job ${id} is ${state}`);
        },
      }),
    );
    if (typeof job === 'number') return job;
    const code = exitCodeOf(job);
    if (options.json === true) await printJsonLine(context, overEvent(job, code));
    else if (code !== 0 || job.reason !== null) say(endSentence(job));
    return code;
  } finally {
    watch.stop();
  }
}

/** `job 12: exit 3 after 2.1s: reason`. */
export function endSentence(job: JobView): string {
  const outcome = job.outcome === null ? job.state : outcomeWords(job.outcome);
  const ran =
    job.startedAt !== null && job.endedAt !== null
      ? ` after ${duration(job.endedAt - job.startedAt)}`
      : '';
  return `job ${job.id}: ${outcome}${ran}${job.reason === null ? '' : `: ${job.reason}`}`;
}

/** Both files of a job to the two outputs of this process, or to lines of JSON on one. */
function outputOf(
  context: Context,
  isJson: boolean,
  watch: Pick<Interruptions, 'pause'>,
): LogStream[] {
  const names: readonly StreamName[] = ['god.log', 'god.err'];
  return names.map((name) => ({
    name,
    write: streamWriter(context, { name, isJson, toErr: name === 'god.err' }, () => watch.pause),
  }));
}

/** Bytes go to a pipe as they are; a terminal gets them without what could harm it. */
export function streamWriter(
  context: Context,
  { name, isJson, toErr }: { name: StreamName; isJson: boolean; toErr: boolean },
  pause: () => Promise<unknown> | null = () => null,
): (chunk: Uint8Array) => Promise<void> {
  const { terminal } = context;
  const decoder = new TextDecoder();
  const harmless = new HarmlessText();
  const isTerminal = toErr ? terminal.isErrTerminal : terminal.columns !== null;
  return async (chunk) => {
    await pause();
    if (isJson) {
      const text = decoder.decode(chunk, { stream: true });
      const stream = name === 'god.log' ? 'stdout' : 'stderr';
      return printJsonLine(context, { event: 'output', stream, text });
    }
    const shown = isTerminal ? harmless.push(chunk) : chunk;
    return toErr ? terminal.err(shown) : terminal.out(shown);
  };
}

function overEvent(job: JobView, exitCode: number) {
  return {
    event: 'over',
    id: job.id,
    outcome: job.outcome?.kind ?? 'unknown',
    exitCode,
    reason: job.reason,
    startedAt: job.startedAt,
    endedAt: job.endedAt,
  };
}

/**
 * What signals mean while a job is followed. Ctrl-C asks; where nobody can be asked it kills, as it would
 * kill a local command, and so does SIGTERM. A terminal that goes away (SIGHUP) leaves the job running.
 */
class Interruptions {
  readonly #context: Context;
  readonly #client: Client;
  readonly #jobId: number;
  readonly #following = new AbortController();
  readonly #off: () => void;
  #leave: (exitCode: number) => void = () => {};
  #isBusy = false;
  /** Output waits while a question stands on the screen. */
  pause: Promise<unknown> | null = null;

  constructor(context: Context, client: Client, jobId: number) {
    this.#context = context;
    this.#client = client;
    this.#jobId = jobId;
    this.#off = context.terminal.onSignal((name) => this.#hear(name));
  }

  /** What `work` returns, or the exit code of leaving before it ended. */
  async during<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | number> {
    const left = new Promise<number>((resolve) => {
      this.#leave = resolve;
    });
    const working = work(this.#following.signal);
    const result = await Promise.race([working, left]);
    this.#following.abort();
    // Its failure, an abort, is no news once we have left.
    await working.catch(() => {});
    return result;
  }

  stop(): void {
    this.#off();
  }

  #hear(name: SignalName): void {
    const leaveCode = name === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
    if (name === 'SIGHUP') this.#leave(EXIT.hangup);
    else if (this.#isBusy) {
      tell(this.#context, `left job ${this.#jobId} before it was over`);
      this.#leave(leaveCode);
    } else if (name === 'SIGINT' && this.#context.terminal.canAsk) {
      this.pause = this.#ask().finally(() => {
        this.pause = null;
      });
    } else void this.#kill();
  }

  async #ask(): Promise<void> {
    // Past the ^C that the terminal has printed.
    await this.#context.terminal.err('\n');
    const question = `Kill job ${this.#jobId}? [y] kill it, [d] let it run and leave, [Enter] go on: `;
    const answer = await this.#context.terminal.ask(question, { signal: this.#following.signal });
    // A second Ctrl-C at the question means the first one.
    if (answer === null || /^y/i.test(answer.trim())) void this.#kill();
    else if (/^d/i.test(answer.trim())) {
      tell(this.#context, `job ${this.#jobId} goes on; "god logs -f ${this.#jobId}" shows it`);
      this.#leave(EXIT.interrupted);
    }
  }

  async #kill(): Promise<void> {
    this.#isBusy = true;
    tell(this.#context, `killing job ${this.#jobId}`);
    try {
      // Who has left does not wait for more tries: the process would live on for them.
      const triesUntil = this.#following.signal;
      const task = `task/${this.#jobId}`;
      await this.#client.json('DELETE', task, { isRepeatable: true, triesUntil });
    } catch (error) {
      this.#isBusy = false;
      if (this.#following.signal.aborted) return;
      const why = error instanceof Failure ? error.message : String(error);
      tell(this.#context, `job ${this.#jobId} was not killed: ${why}`);
    }
  }
}
