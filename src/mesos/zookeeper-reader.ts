/** Follows the leading master by way of ZooKeeper. Acts; `zookeeper-session.ts` decides. */
import { connect } from 'node:net';
import type { Clock, Random, Timer, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import { unreachable } from '../core/assert.js';
import type { MasterFinder } from './masters.js';
import type { Target } from './subscription.js';
import type { ZooKeeperAddress, ZooKeeperServer } from './zookeeper-address.js';
import { BadFrame, FrameDecoder } from './zookeeper-codec.js';
import {
  type Leader,
  type ZooKeeperEffect,
  type ZooKeeperInput,
  type ZooKeeperState,
  zooKeeperStep,
} from './zookeeper-session.js';

/** A line to a server. The listener hears nothing before `dial` returns. */
export interface ZooKeeperLine {
  send(frame: Buffer): void;
  /** Sends what was given before; then the listener hears nothing more. */
  close(): void;
}

export interface LineListener {
  opened(): void;
  bytes(chunk: Uint8Array): void;
  ended(because: string): void;
}

export type Dial = (server: ZooKeeperServer, listener: LineListener) => ZooKeeperLine;

export interface ZooKeeperPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly dial: Dial;
}

export interface ZooKeeperOptions {
  readonly address: ZooKeeperAddress;
  /** Nodes do not tell how their master is spoken to. */
  readonly scheme: 'http' | 'https';
  readonly ports: ZooKeeperPorts;
}

export class ZooKeeperReader implements MasterFinder {
  readonly #address: ZooKeeperAddress;
  readonly #scheme: 'http' | 'https';
  readonly #ports: ZooKeeperPorts;
  #state: ZooKeeperState = { kind: 'idle' };
  #line: ZooKeeperLine | undefined;
  #timer: Timer | undefined;
  #found: ((masters: readonly Target[]) => void) | undefined;
  /** As last told; undefined: nothing was told yet. */
  #leader: Leader | null | undefined;

  constructor({ address, scheme, ports }: ZooKeeperOptions) {
    this.#address = address;
    this.#scheme = scheme;
    this.#ports = ports;
  }

  start(found: (masters: readonly Target[]) => void): void {
    this.#found = found;
    this.#input({ kind: 'start' });
  }

  stop(): void {
    this.#found = undefined;
    this.#input({ kind: 'stop' });
  }

  #input(input: ZooKeeperInput): void {
    const { state, effects } = zooKeeperStep(this.#state, input, {
      address: this.#address,
      scheme: this.#scheme,
      random: this.#ports.random,
      nowMs: this.#ports.clock.monotonicMs(),
    });
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ZooKeeperEffect): void {
    switch (effect.kind) {
      case 'dial':
        this.#dial(effect.server);
        break;
      case 'send':
        this.#line?.send(effect.frame);
        break;
      case 'close':
        this.#line?.close();
        this.#line = undefined;
        break;
      case 'timer':
        this.#timer?.cancel();
        this.#timer = this.#ports.timers.after(effect.afterMs, () =>
          this.#input({ kind: 'timer' }),
        );
        break;
      case 'cancelTimer':
        this.#timer?.cancel();
        break;
      case 'leader':
        this.#tell(effect.leader);
        break;
      case 'trouble':
        this.#ports.log.warn('ZooKeeper cannot be read', { because: effect.because });
        break;
      default:
        unreachable(effect);
    }
  }

  #dial(server: ZooKeeperServer): void {
    const decoder = new FrameDecoder();
    this.#line = this.#ports.dial(server, {
      opened: () => this.#input({ kind: 'opened' }),
      bytes: (chunk) => this.#read(decoder, chunk),
      ended: (because) => this.#input({ kind: 'ended', because }),
    });
  }

  #read(decoder: FrameDecoder, chunk: Uint8Array): void {
    try {
      for (const body of decoder.push(chunk)) this.#input({ kind: 'message', body });
    } catch (error) {
      if (!(error instanceof BadFrame)) throw error;
      this.#input({ kind: 'ended', because: error.message });
    }
  }

  /** A new node under the same address is news too: that master was started anew, so a subscription must be tried. */
  #tell(leader: Leader | null): void {
    if (this.#leader !== undefined && this.#leader?.node === leader?.node) return;
    this.#leader = leader;
    this.#ports.log.info('leading master', {
      master: leader?.target.origin ?? null,
      node: leader?.node ?? null,
    });
    this.#found?.(leader === null ? [] : [leader.target]);
  }
}

/** The real line: TCP. */
export const dialTcp: Dial = ({ host, port }, listener) => {
  const socket = connect({ host, port, noDelay: true });
  let isClosed = false;
  const end = (because: string) => {
    if (isClosed) return;
    isClosed = true;
    listener.ended(because);
  };
  socket.on('connect', () => {
    if (!isClosed) listener.opened();
  });
  socket.on('data', (chunk) => {
    if (!isClosed) listener.bytes(chunk);
  });
  socket.on('error', (error) => end(error.message));
  socket.on('close', () => end('the server closed the connection'));
  return {
    send: (frame) => {
      socket.write(frame);
    },
    close: () => {
      isClosed = true;
      if (socket.connecting) socket.destroy();
      else socket.destroySoon();
      // A peer that takes no more bytes must not keep the process.
      socket.unref();
    },
  };
};
