// A real ZooKeeper of the test's own, and a small writer: its command line takes seconds for each word.
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { authFrame, connectFrame, FrameDecoder } from '../../src/mesos/zookeeper-codec.js';
import { freePort, type Scope, temporaryFolder } from './places.js';
import { type Background, hasProgram, startBackground } from './programs.js';
import { waitFor } from './waiting.js';

/** As Debian's packages have them: one names the others. */
const JAR = '/usr/share/java/zookeeper.jar';
const READY_MS = 30_000;

/** Why there is none, or undefined. */
export const missingZooKeeper = (): string | undefined =>
  !hasProgram('java') ? 'no Java' : existsSync(JAR) ? undefined : `no ${JAR}`;

export class ZooKeeper {
  readonly port: number;
  readonly #folder: string;
  #server: Background | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
  }

  static async start(t: Scope): Promise<ZooKeeper> {
    const folder = temporaryFolder(t, 'zookeeper');
    const zookeeper = new ZooKeeper(folder, await freePort());
    mkdirSync(join(folder, 'data'));
    writeFileSync(
      join(folder, 'zoo.cfg'),
      [
        'tickTime=1000',
        `dataDir=${join(folder, 'data')}`,
        'clientPortAddress=127.0.0.1',
        `clientPort=${zookeeper.port}`,
        'admin.enableServer=false',
        '',
      ].join('\n'),
    );
    t.teardown(() => zookeeper.stop());
    await zookeeper.restart();
    return zookeeper;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    const server = startBackground(
      'java',
      [
        ...['-Xmx64m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', JAR],
        ...['org.apache.zookeeper.server.ZooKeeperServerMain', join(this.#folder, 'zoo.cfg')],
      ],
      { logFile: join(this.#folder, 'log') },
    );
    this.#server = server;
    await waitFor('ZooKeeper answers', READY_MS, () => {
      if (!server.isRunning()) throw new Error(`ZooKeeper has ended: ${server.lastWords()}`);
      return isServing(this.port);
    });
  }

  /** Carries out writes in order, on a session of their own. */
  async write(...writes: readonly Write[]): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port: this.port });
    const decoder = new FrameDecoder();
    const frames: Buffer[] = [];
    socket.on('data', (bytes) => frames.push(...decoder.push(bytes)));
    try {
      await once(socket, 'connect');
      socket.write(connectFrame(5_000));
      for (const [index, write] of writes.entries()) socket.write(writeFrame(index + 1, write));
      await waitFor('ZooKeeper answers writes', READY_MS, () => frames.length > writes.length, 5);
      for (const [index, write] of writes.entries()) {
        const error = frames[index + 1]?.readInt32BE(12);
        if (error !== 0) throw new Error(`${JSON.stringify(write)}: error ${error}`);
      }
    } finally {
      socket.destroy();
    }
  }
}

/** What masters and administrators do to ZooKeeper. `sequence`: it appends a number to the path. */
export type Write =
  | { readonly create: string; readonly data?: string; readonly sequence?: boolean }
  | { readonly remove: string }
  | { readonly credentials: string }
  /** From now on only who knows the credentials of this session may touch the node. */
  | { readonly close: string };

function writeFrame(xid: number, write: Write): Buffer {
  const open = Buffer.concat([int(1), int(31), text('world'), text('anyone')]);
  const closed = Buffer.concat([int(1), int(31), text('auth'), text('')]);
  if ('create' in write) {
    const flags = int(write.sequence === true ? 2 : 0);
    return frame(int(xid), int(1), text(write.create), text(write.data ?? ''), open, flags);
  }
  if ('remove' in write) return frame(int(xid), int(2), text(write.remove), int(-1));
  if ('close' in write) return frame(int(xid), int(7), text(write.close), closed, int(-1));
  return authFrame(write.credentials);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const text = (value: string): Buffer =>
  Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)]);

const frame = (...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([int(body.length), body]);
};

/** Its port is open before it serves: only the answer to a word of its administrators tells. */
const isServing = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let told = '';
    // One that is just starting may take the word and never answer.
    socket.setTimeout(500, () => socket.destroy());
    socket.on('connect', () => socket.write('srvr'));
    socket.on('data', (bytes) => {
      told += bytes.toString('latin1');
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(told.includes('Mode: ')));
  });
