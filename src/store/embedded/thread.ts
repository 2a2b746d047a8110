// A thread of the store: `writer` gathers what came in while the last commit synced, `reader` answers one by one.
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { assert } from '../../core/assert.js';
import { Reader } from './reader.js';
import type { Envelope, Notice, Opened, ReadCall, Reply, WriteCall } from './requests.js';
import { migrate } from './schema.js';
import { BUSY_TIMEOUT_MS, Database } from './sqlite.js';
import { StoppedWriter, shmInode } from './stopped-writer.js';
import { failureOf, Writer, weightOf } from './writer.js';

export interface ThreadOptions {
  readonly role: 'writer' | 'reader';
  readonly path: string;
  /** Size bound of the file in pages of 4 KiB, or null. */
  readonly pagesMax: number | null;
}

/** Rows of one commit: bounds how long those that come meanwhile wait. A larger single call goes alone. */
const COMMIT_ROWS_MAX = 2_000;

const ENDED_STOPPED = 'ended a process that was stopped while it held the write lock of the store';

/** What a role does with what waits for it. */
interface Service {
  /** Answers the first envelopes of the list, as many as one commit takes. */
  readonly act: (waiting: readonly Envelope[]) => Reply;
  readonly close: () => void;
}

function serve(port: MessagePort, options: ThreadOptions): void {
  const notice = (told: Notice) => port.postMessage(told);
  const service = options.role === 'writer' ? writing(options, notice) : reading(options);

  port.on('message', (first: readonly Envelope[]) => {
    const waiting = [...first];
    for (;;) {
      // Everything that came while the last commit synced goes into the next one.
      for (let more = receive(port); more !== undefined; more = receive(port))
        waiting.push(...more);
      const next = waiting[0];
      if (next === undefined) return;
      if (next.call.kind === 'close') {
        service.close();
        port.postMessage([[next.ticket, { ok: true, answer: undefined }]] satisfies Reply);
        port.close();
        return;
      }
      const reply = service.act(waiting);
      waiting.splice(0, reply.length);
      port.postMessage(reply);
    }
  });
  port.postMessage({ failure: null } satisfies Opened);
}

const receive = (port: MessagePort): readonly Envelope[] | undefined =>
  receiveMessageOnPort(port)?.message;

function writing(options: ThreadOptions, notice: (told: Notice) => void): Service {
  const database = Database.open(options.path, { create: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  migrate(database);
  if (options.pagesMax !== null) database.pragma(`max_page_count = ${options.pagesMax}`);
  const stopped = new StoppedWriter(shmInode(options.path));
  database.tryOftenFor(BUSY_TIMEOUT_MS, {
    goesOn: () => {
      const pid = stopped.look();
      if (pid !== undefined) notice({ message: ENDED_STOPPED, facts: { pid } });
    },
    over: () => stopped.forget(),
  });
  const writer = new Writer(database);
  return {
    act: (waiting) => {
      const calls: WriteCall[] = [];
      let weight = 0;
      for (const { call } of waiting) {
        if (call.kind === 'close') break;
        weight += weightOf(call as WriteCall);
        if (calls.length > 0 && weight > COMMIT_ROWS_MAX) break;
        calls.push(call as WriteCall);
      }
      return addressed(waiting, writer.perform(calls));
    },
    close: () => {
      // The log goes into the file, so that a stopped store is one file to copy. Readers may hold it back: no harm.
      database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
      database.pragma('wal_checkpoint(TRUNCATE)');
      database.close();
    },
  };
}

/** Opens the file at the first question: its thread starts beside the writer's, which may still make the tables. */
function reading({ path }: ThreadOptions): Service {
  let opened: { readonly database: Database; readonly reader: Reader } | undefined;
  const open = () => {
    const database = Database.open(path, { create: false, busyTimeoutMs: BUSY_TIMEOUT_MS });
    return { database, reader: new Reader(database) };
  };
  return {
    act: (waiting) => {
      const calls = waiting.slice(0, 1).map(({ call }) => call as ReadCall);
      try {
        opened ??= open();
        return addressed(waiting, opened.reader.perform(calls));
      } catch (failure) {
        return addressed(waiting, [{ ok: false, failure: failureOf(failure) }]);
      }
    },
    close: () => opened?.database.close(),
  };
}

const addressed = (waiting: readonly Envelope[], results: ReturnType<Writer['perform']>): Reply =>
  results.map((result, index) => {
    const envelope = waiting[index];
    assert(envelope !== undefined, 'a result for each call');
    return [envelope.ticket, result];
  });

assert(parentPort !== null, 'this file is the entry of a thread');
try {
  serve(parentPort, workerData as ThreadOptions);
} catch (failure) {
  parentPort.postMessage({ failure: failureOf(failure) } satisfies Opened);
  parentPort.close();
}
