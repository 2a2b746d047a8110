// A real ZooKeeper of the system's packages, and candidates for the leading master as masters write them there.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort, temporaryFolder } from './places.js';
import { type Background, hasProgram, run, startBackground } from './programs.js';
import { skipAloud } from './skip.js';
import { waitFor } from './waiting.js';

const JAR = '/usr/share/java/zookeeper.jar';
/** What the server grants of the life that is asked for. */
export const SESSION_MS = 1_500;

/** Whether there is none; the test was then skipped aloud. */
export function isZooKeeperMissing(t: Test): boolean {
  if (existsSync(JAR) && hasProgram('java')) return false;
  skipAloud(t, 'ZooKeeper', 'package zookeeper is not installed; npm run test:setup');
  return true;
}

/** One server on a port of its own, with its data in a folder; it may be killed and started again. */
export class ZooKeeper {
  readonly port: number;
  readonly #folder: string;
  #process: Background;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.#process = this.#spawn();
  }

  static async start(t: Test): Promise<ZooKeeper> {
    const folder = temporaryFolder(t, 'zookeeper');
    const port = await freePort();
    const settings = {
      tickTime: 200,
      minSessionTimeout: 400,
      maxSessionTimeout: SESSION_MS,
      dataDir: join(folder, 'data'),
      clientPortAddress: '127.0.0.1',
      clientPort: port,
      'admin.enableServer': false,
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(folder, 'zoo.cfg'), lines.join(''));
    const server = new ZooKeeper(port, folder);
    t.teardown(() => server.#process.kill9());
    await server.#isUp();
    return server;
  }

  kill9(): Promise<void> {
    return this.#process.kill9();
  }

  async startAgain(): Promise<void> {
    this.#process = this.#spawn();
    await this.#isUp();
  }

  /** What ZooKeeper's own client says to a command. */
  async tell(...command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run('java', [
      ...['-cp', JAR, 'org.apache.zookeeper.ZooKeeperMain', '-server', `127.0.0.1:${this.port}`],
      ...command,
    ]);
    if (code !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
    return stdout + stderr;
  }

  /** A master stands as candidate. Returns its node. */
  async stand(port: number): Promise<string> {
    const info = { address: { hostname: '127.0.0.1', ip: '127.0.0.1', port }, version: '1.11.0' };
    const said = await this.tell('create', '-s', '/mesos/json.info_', JSON.stringify(info));
    const node = /Created (\S+)/.exec(said)?.[1];
    if (node === undefined) throw new Error(said);
    return node;
  }

  #spawn(): Background {
    const logFile = join(this.#folder, 'log');
    return startBackground(
      'java',
      [
        ...['-Xmx128m', '-cp', JAR, 'org.apache.zookeeper.server.quorum.QuorumPeerMain'],
        join(this.#folder, 'zoo.cfg'),
      ],
      { cwd: this.#folder, logFile },
    );
  }

  async #isUp(): Promise<void> {
    await waitFor('ZooKeeper answers its own client', 60_000, async () => {
      if (!this.#process.isRunning()) throw new Error(`it ended: ${this.#process.lastWords()}`);
      return this.tell('ls', '/').then(
        // Once masters have stood, it has a neighbour, in no stated order.
        (said) => /^\[.*\bzookeeper\b.*\]$/m.test(said),
        () => false,
      );
    });
  }
}
