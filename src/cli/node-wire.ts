/** Nodes as the server tells them, read with care: it may be older or newer than we are. */
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { isRecord } from './wire.js';

export interface NodeAmounts {
  readonly cpu: number;
  /** GB. */
  readonly ram: number;
  readonly gpus: number;
}

/** Instants in milliseconds since 1970. */
export interface NodeView {
  readonly name: string;
  readonly executor: string;
  readonly state: string;
  readonly jobs: number;
  readonly total: NodeAmounts | null;
  readonly used: NodeAmounts;
  readonly drain: {
    readonly reason: string;
    readonly by: string;
    readonly from: number;
    readonly until: number | null;
  } | null;
  readonly setAside: { readonly at: number; readonly probeFrom: number } | null;
  /** Told to administrators only. */
  readonly evidence: readonly {
    readonly job: number;
    readonly user: string;
    readonly at: number;
    readonly how: string;
  }[];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const msOf = (value: unknown): number => number(value) * 1_000;

export function readNodes(answer: unknown): readonly NodeView[] {
  if (!Array.isArray(answer))
    throw new Failure(EXIT.protocol, 'the server answered something that is no list of nodes');
  return answer.map(readNode);
}

export function readNode(doc: unknown): NodeView {
  if (!isRecord(doc) || typeof doc.name !== 'string')
    throw new Failure(EXIT.protocol, 'the server answered something that is no node');
  const { drain, set_aside: aside } = doc;
  const evidence = isRecord(aside) && Array.isArray(aside.evidence) ? aside.evidence : [];
  return {
    name: doc.name,
    executor: text(doc.executor),
    state: text(doc.state),
    jobs: number(doc.jobs),
    total: isRecord(doc.total) ? amounts(doc.total) : null,
    used: amounts(doc.used),
    drain: isRecord(drain)
      ? {
          reason: text(drain.reason),
          by: text(drain.by),
          from: msOf(drain.from),
          until: typeof drain.until === 'number' ? msOf(drain.until) : null,
        }
      : null,
    setAside: isRecord(aside) ? { at: msOf(aside.date), probeFrom: msOf(aside.probe_from) } : null,
    evidence: evidence.filter(isRecord).map(({ job, user, date, how }) => ({
      job: number(job),
      user: text(user),
      at: msOf(date),
      how: text(how),
    })),
  };
}

function amounts(value: unknown): NodeAmounts {
  const found = isRecord(value) ? value : {};
  return { cpu: number(found.cpu), ram: number(found.ram), gpus: number(found.gpus) };
}
