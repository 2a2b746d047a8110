import { EXIT } from './exit-codes.js';

/** A command that cannot go on: the message is a sentence for people, the exit code is for scripts. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The server said no. `code` is one of the documented error codes, '' when the answer carried none. */
export class Refused extends Failure {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;

  constructor(status: number, said: { code: string; sentence: string; field: string | null }) {
    super(
      exitCodeOf(status),
      said.field === null || said.sentence.startsWith(said.field.replace(/\[.*$/, ''))
        ? said.sentence
        : `${said.field}: ${said.sentence}`,
    );
    this.status = status;
    this.code = said.code;
    this.field = said.field;
  }
}

/** The server could not be reached, or asked to come back later. `retryAfterMs` null: it did not say when. */
export class Unreachable extends Failure {
  readonly retryAfterMs: number | null;

  constructor(message: string, retryAfterMs: number | null, options?: ErrorOptions) {
    super(EXIT.unreachable, message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Standard output was closed by its reader. Nothing is wrong, and nobody is left to tell. */
export class BrokenPipe extends Failure {
  constructor(options?: ErrorOptions) {
    super(EXIT.brokenPipe, '', options);
  }
}

function exitCodeOf(status: number): number {
  if (status === 401 || status === 403) return EXIT.notAllowed;
  if (status === 404) return EXIT.notFound;
  if (status === 429) return EXIT.tryLater;
  return status >= 500 ? EXIT.internal : EXIT.refused;
}
