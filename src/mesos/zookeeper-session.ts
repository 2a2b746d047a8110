/**
 * The life of our reading of ZooKeeper, as a value and a pure step: connect to one of the servers, list the masters'
 * nodes and ask to hear of changes, read the first node, ping. Owns no socket, timer or clock.
 */
import type { Random } from '../contracts/clock.js';
import { unreachable } from '../core/assert.js';
import { backoffMs, type Target } from './subscription.js';
import {
  leadingNode,
  masterIn,
  type ZooKeeperAddress,
  type ZooKeeperServer,
} from './zookeeper-address.js';
import {
  BadFrame,
  childrenRequest,
  closeRequest,
  connectRequest,
  dataRequest,
  existsRequest,
  loginRequest,
  NO_NODE,
  pingRequest,
  type Reply,
  readConnected,
  readReply,
  XID,
} from './zookeeper-codec.js';

/** The session we ask for; a server that is silent for so long is left. */
const SESSION_MS = 10_000;
/** A server must have greeted us by then, else the next one is tried: one dead of three costs a third of the session. */
const GREETED_MS_MAX = Math.floor(SESSION_MS / 3);
/** Pings in the life of a session. */
const PINGS = 3;

/** The one question under way. */
type Question =
  | { readonly kind: 'children' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'data'; readonly node: string };

/** `tried` counts servers: it names the present one. `failures` in a row lengthen the back-off. */
interface Trying {
  readonly tried: number;
  readonly failures: number;
}

interface Session {
  readonly timeoutMs: number;
  readonly heardMs: number;
  readonly xid: number;
  /** Null: all is known, until an event comes. */
  readonly question: Question | null;
  /** An event came while the question was under way: list again after it. */
  readonly isChanged: boolean;
}

export type ZooKeeperState =
  | { readonly kind: 'idle' }
  | (Trying & { readonly kind: 'dialling' })
  /** The socket is open; the server has not granted a session yet. */
  | (Trying & { readonly kind: 'greeting' })
  | (Trying & Session & { readonly kind: 'reading' })
  | (Trying & { readonly kind: 'waiting' })
  | { readonly kind: 'stopped' };

export type ZooKeeperInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'opened' }
  /** The body of one message. */
  | { readonly kind: 'message'; readonly body: Buffer }
  | { readonly kind: 'ended'; readonly because: string }
  | { readonly kind: 'timer' }
  | { readonly kind: 'stop' };

export type ZooKeeperEffect =
  | { readonly kind: 'dial'; readonly server: ZooKeeperServer }
  | { readonly kind: 'send'; readonly frame: Buffer }
  /** Close the socket once all is sent, and forget what it may still say. */
  | { readonly kind: 'close' }
  /** Set the only timer anew. */
  | { readonly kind: 'timer'; readonly afterMs: number }
  | { readonly kind: 'cancelTimer' }
  /** `node` leads; null: nobody does. May repeat itself. */
  | { readonly kind: 'leader'; readonly leader: Leader | null }
  /** For the log: what was believed last holds on. */
  | { readonly kind: 'trouble'; readonly because: string };

export interface Leader {
  readonly node: string;
  readonly target: Target;
}

export interface ZooKeeperSurroundings {
  readonly address: ZooKeeperAddress;
  readonly scheme: 'http' | 'https';
  readonly random: Random;
  /** Monotonic. */
  readonly nowMs: number;
}

interface Stepped {
  readonly state: ZooKeeperState;
  readonly effects: readonly ZooKeeperEffect[];
}

type Reading = Extract<ZooKeeperState, { kind: 'reading' }>;

/** Decides; touches nothing. An input that does not fit the state changes nothing: it came late. */
export function zooKeeperStep(
  state: ZooKeeperState,
  input: ZooKeeperInput,
  around: ZooKeeperSurroundings,
): Stepped {
  switch (input.kind) {
    case 'start': {
      // Not all of a thousand readers begin with the first server.
      const first = Math.floor(around.random() * around.address.servers.length);
      return state.kind === 'idle' ? dial({ tried: first, failures: 0 }, around) : stay(state);
    }
    case 'opened':
      if (state.kind !== 'dialling') return stay(state);
      return {
        state: { ...state, kind: 'greeting' },
        effects: [{ kind: 'send', frame: connectRequest(SESSION_MS) }],
      };
    case 'message':
      return message(state, input.body, around);
    case 'ended':
      return isOpen(state) ? fail(state, input.because, around) : stay(state);
    case 'timer':
      return timer(state, around);
    case 'stop': {
      const bye: readonly ZooKeeperEffect[] =
        state.kind === 'reading' ? [{ kind: 'send', frame: closeRequest(state.xid + 1) }] : [];
      return {
        state: { kind: 'stopped' },
        effects: [{ kind: 'cancelTimer' }, ...bye, { kind: 'close' }],
      };
    }
    default:
      return unreachable(input);
  }
}

const stay = (state: ZooKeeperState): Stepped => ({ state, effects: [] });

type Open = Extract<ZooKeeperState, { kind: 'dialling' | 'greeting' | 'reading' }>;

const isOpen = (state: ZooKeeperState): state is Open =>
  state.kind === 'dialling' || state.kind === 'greeting' || state.kind === 'reading';

function dial({ tried, failures }: Trying, { address }: ZooKeeperSurroundings): Stepped {
  const server = address.servers[tried % address.servers.length];
  if (server === undefined) return stay({ kind: 'stopped' });
  return {
    state: { kind: 'dialling', tried, failures },
    effects: [
      { kind: 'timer', afterMs: GREETED_MS_MAX },
      { kind: 'dial', server },
    ],
  };
}

function fail(state: Open, because: string, { random }: ZooKeeperSurroundings): Stepped {
  const failures = state.failures + 1;
  return {
    state: { kind: 'waiting', tried: state.tried + 1, failures },
    effects: [
      { kind: 'close' },
      { kind: 'trouble', because },
      { kind: 'timer', afterMs: backoffMs(failures, random) },
    ],
  };
}

function message(state: ZooKeeperState, body: Buffer, around: ZooKeeperSurroundings): Stepped {
  if (state.kind !== 'greeting' && state.kind !== 'reading') return stay(state);
  try {
    return state.kind === 'greeting'
      ? greeted(state, readConnected(body).timeoutMs, around)
      : replied({ ...state, heardMs: around.nowMs }, readReply(body), around);
  } catch (error) {
    if (!(error instanceof BadFrame)) throw error;
    return fail(state, error.message, around);
  }
}

function greeted(
  { tried, failures }: Extract<ZooKeeperState, { kind: 'greeting' }>,
  timeoutMs: number,
  around: ZooKeeperSurroundings,
): Stepped {
  const state: Reading = {
    ...{ kind: 'reading', tried, failures, timeoutMs, heardMs: around.nowMs },
    ...{ xid: 0, question: null, isChanged: false },
  };
  if (timeoutMs <= 0) return fail(state, 'the server grants no session', around);
  const { login } = around.address;
  const listing = ask(state, { kind: 'children' }, around);
  return {
    state: listing.state,
    effects: [
      { kind: 'timer', afterMs: pingMs(state) },
      ...(login === null ? [] : [{ kind: 'send' as const, frame: loginRequest(login) }]),
      ...listing.effects,
    ],
  };
}

const pingMs = ({ timeoutMs }: Session): number => Math.max(1, Math.floor(timeoutMs / PINGS));

function ask(state: Reading, question: Question, { address }: ZooKeeperSurroundings): Stepped {
  const xid = state.xid + 1;
  const isListing = question.kind === 'children';
  return {
    state: { ...state, xid, question, isChanged: isListing ? false : state.isChanged },
    effects: [{ kind: 'send', frame: requestOf(question, xid, address.path) }],
  };
}

function requestOf(question: Question, xid: number, path: string): Buffer {
  switch (question.kind) {
    case 'children':
      return childrenRequest(xid, path);
    case 'exists':
      return existsRequest(xid, path);
    case 'data':
      return dataRequest(xid, `${path === '/' ? '' : path}/${question.node}`);
    default:
      return unreachable(question);
  }
}

function replied(state: Reading, reply: Reply, around: ZooKeeperSurroundings): Stepped {
  if (reply.xid === XID.ping) return stay(state);
  if (reply.xid === XID.login)
    return reply.error === 0 ? stay(state) : fail(state, 'the login is refused', around);
  if (reply.xid === XID.event) {
    // Whatever it tells, the answer is the list. One event at most follows a question, so this is no flood.
    return state.question === null
      ? ask(state, { kind: 'children' }, around)
      : stay({ ...state, isChanged: true });
  }
  const { question } = state;
  if (question === null || reply.xid !== state.xid)
    return fail(state, `an answer to no question of ours (${reply.xid})`, around);
  if (reply.error !== 0 && reply.error !== NO_NODE)
    return fail(state, `ZooKeeper answers ${question.kind} with error ${reply.error}`, around);
  // A question answered: this server is of use.
  const next: Reading = { ...state, failures: 0, question: null };
  return answered(next, question, reply, around);
}

function answered(
  state: Reading,
  question: Question,
  { error, fields }: Reply,
  around: ZooKeeperSurroundings,
): Stepped {
  const isThere = error === 0;
  switch (question.kind) {
    case 'children': {
      const node = isThere ? leadingNode(fields.texts()) : undefined;
      if (node !== undefined) return ask(state, { kind: 'data', node }, around);
      const nobody: ZooKeeperEffect = { kind: 'leader', leader: null };
      // Without the path there is nothing whose children could change: wait for the path itself.
      const next = isThere ? settled(state, around) : ask(state, { kind: 'exists' }, around);
      return { state: next.state, effects: [nobody, ...next.effects] };
    }
    case 'exists':
      return isThere ? ask(state, { kind: 'children' }, around) : settled(state, around);
    case 'data': {
      // Gone since it was listed; the event of it may be on its way, and asking again does no harm.
      if (!isThere) return ask(state, { kind: 'children' }, around);
      const target = masterIn(fields.bytes(), around.scheme);
      const { node } = question;
      const next = settled(state, around);
      const said: ZooKeeperEffect =
        target === undefined
          ? { kind: 'trouble', because: `${node} holds no address of a master` }
          : { kind: 'leader', leader: { node, target } };
      return { state: next.state, effects: [said, ...next.effects] };
    }
    default:
      return unreachable(question);
  }
}

/** All is known, unless an event came meanwhile. */
const settled = (state: Reading, around: ZooKeeperSurroundings): Stepped =>
  state.isChanged ? ask(state, { kind: 'children' }, around) : stay(state);

function timer(state: ZooKeeperState, around: ZooKeeperSurroundings): Stepped {
  switch (state.kind) {
    case 'idle':
    case 'stopped':
      return stay(state);
    case 'waiting':
      return dial(state, around);
    case 'dialling':
    case 'greeting':
      return fail(state, 'the server does not answer', around);
    case 'reading':
      if (around.nowMs - state.heardMs >= state.timeoutMs)
        return fail(state, 'the server is silent', around);
      return {
        state,
        effects: [
          { kind: 'timer', afterMs: pingMs(state) },
          { kind: 'send', frame: pingRequest() },
        ],
      };
    default:
      return unreachable(state);
  }
}
