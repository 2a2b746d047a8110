/** Reads the answer of `/share`, with suspicion: a server may be older or newer than we. */
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { isRecord } from './wire.js';

export interface ShareTerm {
  readonly name: string;
  readonly raw: number;
  readonly unit: string;
  readonly normalised: number;
  readonly weight: number;
  readonly value: number;
}

export interface Account {
  readonly user: string;
  readonly project: string;
  /** The queue of the site that its jobs wait in; null: none. */
  readonly queue: string | null;
  /** Null: the server does not tell. */
  readonly queuePriority: number | null;
  readonly prio: number;
  readonly waiting: number;
  readonly running: number;
  readonly cpuHours: number;
  readonly ramHours: number;
  readonly gpuHours: number;
  /** Null: nothing waits. */
  readonly position: number | null;
  readonly score: number | null;
  readonly groupScore: number | null;
  readonly terms: readonly ShareTerm[];
}

export interface SharesView {
  readonly policy: string;
  readonly usage:
    | { readonly kind: 'window'; readonly days: number }
    | { readonly kind: 'half-life'; readonly halfLifeMs: number };
  readonly accounts: readonly Account[];
}

type Json = Readonly<Record<string, unknown>>;

/** @throws Failure protocol */
export function readShares(doc: unknown): SharesView {
  if (!isRecord(doc) || !Array.isArray(doc.accounts))
    throw new Failure(EXIT.protocol, 'the server answered something that is no table of shares');
  const usage = record(doc.usage);
  return {
    policy: text(doc.policy),
    usage:
      usage.kind === 'window'
        ? { kind: 'window', days: amount(usage.days) }
        : { kind: 'half-life', halfLifeMs: amount(usage.half_life) * 1_000 },
    accounts: doc.accounts.map((found) => readAccount(record(found))),
  };
}

function readAccount(found: Json): Account {
  const used = record(found.used);
  return {
    user: text(found.user),
    project: text(found.project),
    queue: typeof found.queue === 'string' ? found.queue : null,
    queuePriority: numberOrNull(found.queue_priority),
    prio: amount(found.prio),
    waiting: amount(found.waiting),
    running: amount(found.running),
    cpuHours: amount(used.cpu_hours),
    ramHours: amount(used.ram_hours),
    gpuHours: amount(used.gpu_hours),
    position: numberOrNull(found.position),
    score: numberOrNull(found.score),
    groupScore: numberOrNull(found.group_score),
    terms: (Array.isArray(found.terms) ? found.terms : []).map(record).map((term) => ({
      name: text(term.name),
      raw: amount(term.raw),
      unit: text(term.unit),
      normalised: amount(term.normalised),
      weight: amount(term.weight),
      value: amount(term.value),
    })),
  };
}

const record = (found: unknown): Json => (isRecord(found) ? found : {});
const text = (found: unknown): string => (typeof found === 'string' ? found : '');
const numberOrNull = (found: unknown): number | null => (typeof found === 'number' ? found : null);
const amount = (found: unknown): number => numberOrNull(found) ?? 0;
