/**
 * Follows the leading master in ZooKeeper: reads only, owns nothing there. While ZooKeeper is away the last known master
 * stays in force: a cluster whose ZooKeeper restarts keeps its leader, and so do we.
 */
import type { Random, Timer, Timers } from '../contracts/clock.js';
import { ZOOKEEPER_SESSION_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import { leadingNode, masterTarget, type ZooKeeperAddress } from './master-address.js';
import type { Connection, Dial } from './socket.js';
import { backoffMs, type Scheme, type Target } from './subscription.js';
import {
  authFrame,
  BadFrame,
  childrenFrame,
  closeFrame,
  connectFrame,
  dataFrame,
  FrameDecoder,
  NO_AUTHORITY,
  NO_NODE,
  pingFrame,
  type Reply,
  readChildren,
  readConnected,
  readData,
  readReply,
} from './zookeeper-codec.js';

/** Tells where the leading master is, and tells again when that changes; null: no master leads now. */
export interface MasterSource {
  start(found: (master: Target | null) => void): void;
  stop(): void;
}

export interface MasterWatchPorts {
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly dial: Dial;
}

export interface MasterWatchOptions {
  readonly zookeeper: ZooKeeperAddress;
  /** Masters do not tell in ZooKeeper whether they speak TLS. */
  readonly scheme: Scheme;
  readonly ports: MasterWatchPorts;
}

/** Pause before a masters' node that is not there, or a leader that has just gone, is looked at again. */
const LOOK_AGAIN_MS = 1_000;

/** What an answer is about. */
type Question = { readonly kind: 'children' } | { readonly kind: 'data'; readonly node: string };

export class MasterWatch implements MasterSource {
  readonly #options: MasterWatchOptions;
  readonly #ports: MasterWatchPorts;
  #found: (master: Target | null) => void = () => {};
  #told: Target | null | undefined;
  #connection: Connection | undefined;
  #decoder = new FrameDecoder();
  #hasSession = false;
  #sessionMs = ZOOKEEPER_SESSION_MS;
  #hasHeard = false;
  #questions = new Map<number, Question>();
  #xid = 0;
  #server = 0;
  #failures = 0;
  #isStopped = false;
  /** Silence, a pause before the next connection. */
  #timer: Timer | undefined;
  #lookTimer: Timer | undefined;

  constructor(options: MasterWatchOptions) {
    this.#options = options;
    this.#ports = options.ports;
  }

  start(found: (master: Target | null) => void): void {
    this.#found = found;
    const { servers } = this.#options.zookeeper;
    // Not all clients of a cluster begin with its first server.
    this.#server = Math.floor(this.#ports.random() * servers.length);
    this.#connect();
  }

  stop(): void {
    if (this.#hasSession) this.#connection?.send(closeFrame(++this.#xid));
    this.#isStopped = true;
    this.#drop();
  }

  #connect(): void {
    const { servers } = this.#options.zookeeper;
    const server = servers[this.#server++ % servers.length];
    if (server === undefined || this.#isStopped) return;
    this.#decoder = new FrameDecoder();
    const connection: Connection = this.#ports.dial(server, {
      opened: () => connection.send(connectFrame(ZOOKEEPER_SESSION_MS)),
      bytes: (chunk) => this.#read(chunk),
      ended: (because) => this.#lost(because),
    });
    this.#connection = connection;
    // A server that is just starting takes connections and says nothing; another may serve meanwhile.
    const patienceMs = Math.ceil(ZOOKEEPER_SESSION_MS / 3);
    this.#timer = this.#ports.timers.after(patienceMs, () => this.#lost('no answer'));
  }

  /** Forgets the connection and all that was asked on it. */
  #drop(): void {
    this.#timer?.cancel();
    this.#lookTimer?.cancel();
    this.#lookTimer = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    this.#hasSession = false;
    this.#questions.clear();
  }

  #lost(because: string): void {
    this.#drop();
    if (this.#isStopped) return;
    const { host, port } = this.#options.zookeeper.servers[
      (this.#server - 1) % this.#options.zookeeper.servers.length
    ] ?? { host: '', port: 0 };
    this.#ports.log.warn('ZooKeeper connection lost', { host, port, because });
    this.#failures++;
    const pauseMs = backoffMs(this.#failures, this.#ports.random);
    this.#timer = this.#ports.timers.after(pauseMs, () => this.#connect());
  }

  #read(chunk: Buffer): void {
    try {
      for (const bytes of this.#decoder.push(chunk)) {
        // What one frame says may end the connection; the rest of the chunk is nobody's then.
        if (this.#connection === undefined) return;
        this.#hasHeard = true;
        if (this.#hasSession) this.#take(readReply(bytes));
        else this.#begin(readConnected(bytes).timeoutMs);
      }
    } catch (error) {
      if (!(error instanceof BadFrame)) throw error;
      this.#lost(error.message);
    }
  }

  #begin(timeoutMs: number): void {
    if (timeoutMs <= 0) {
      this.#lost('the server refuses the session');
      return;
    }
    this.#hasSession = true;
    this.#sessionMs = timeoutMs;
    const { credentials } = this.#options.zookeeper;
    if (credentials !== null) this.#connection?.send(authFrame(credentials));
    this.#ping();
    this.#look();
  }

  /** A third of the session apart; one that was not answered by anything ends the connection. */
  #ping(): void {
    this.#timer?.cancel();
    this.#hasHeard = false;
    this.#connection?.send(pingFrame());
    this.#timer = this.#ports.timers.after(Math.ceil(this.#sessionMs / 3), () => {
      if (this.#hasHeard) this.#ping();
      else this.#lost('no heartbeats');
    });
  }

  #look(): void {
    this.#lookTimer?.cancel();
    this.#lookTimer = undefined;
    this.#ask({ kind: 'children' }, (xid) => childrenFrame(xid, this.#options.zookeeper.path));
  }

  /** Nothing rings for what is not there, so it is looked for. */
  #lookLater(): void {
    this.#lookTimer?.cancel();
    this.#lookTimer = this.#ports.timers.after(LOOK_AGAIN_MS, () => this.#look());
  }

  #ask(question: Question, frame: (xid: number) => Buffer): void {
    const xid = ++this.#xid;
    this.#questions.set(xid, question);
    this.#connection?.send(frame(xid));
  }

  #take(reply: Reply): void {
    switch (reply.kind) {
      case 'pong':
        return;
      case 'authenticated':
        if (reply.error !== 0) this.#lost('ZooKeeper does not accept the credentials');
        return;
      case 'watch':
        if (reply.path === this.#options.zookeeper.path) this.#look();
        return;
      case 'answer': {
        const question = this.#questions.get(reply.xid);
        this.#questions.delete(reply.xid);
        if (question !== undefined) this.#answer(question, reply);
        return;
      }
    }
  }

  #answer(question: Question, { error, body }: Extract<Reply, { kind: 'answer' }>): void {
    // Servers end connections for failures of their own; these two are about what we ask for.
    if (error === NO_NODE) {
      if (question.kind === 'children') this.#tell(null);
      this.#lookLater();
    } else if (error === NO_AUTHORITY) {
      this.#lost(`ZooKeeper does not let us read ${this.#options.zookeeper.path}`);
    } else if (error !== 0) {
      this.#lost(`ZooKeeper answers error ${error}`);
    } else if (question.kind === 'children') {
      const node = leadingNode(readChildren(body));
      if (node === undefined) this.#tell(null);
      else {
        const path = `${this.#options.zookeeper.path}/${node}`;
        this.#ask({ kind: 'data', node }, (xid) => dataFrame(xid, path));
      }
    } else {
      this.#leads(question.node, readData(body).toString('utf8'));
    }
  }

  #leads(node: string, data: string): void {
    const master = masterTarget(data, this.#options.scheme);
    if (master === undefined) {
      this.#ports.log.error('master in ZooKeeper not understood', {
        node,
        data: data.slice(0, 500),
      });
      this.#lookLater();
      return;
    }
    this.#tell(master);
  }

  #tell(master: Target | null): void {
    this.#failures = 0;
    if (this.#told !== undefined && this.#told?.origin === master?.origin) return;
    this.#told = master;
    this.#ports.log.info('leading master', { master: master?.origin ?? null });
    this.#found(master);
  }
}
