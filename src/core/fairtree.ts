/**
 * Shares in a tree: first the projects, by use over weight; in the project whose turn it is, its users, by their use
 * inside it over weight. Only relations count, so what a sibling leaves unused is everybody's, by their weights.
 */
import { type Bundle, type Measure, type Measured, measured, over } from './measure.js';
import {
  type AccountView,
  ADVANCE_MS,
  type Groups,
  type Head,
  type Policy,
  PRIO_USUAL,
  type Ranking,
  type Standing,
  type Standings,
  type Term,
} from './policy.js';
import type { Needs } from './resources.js';
import type { ProjectId } from './units.js';
import { NO_USE } from './usage.js';

export interface FairtreeOptions {
  readonly measure: Measure;
}

export const FAIRTREE_OPTIONS: FairtreeOptions = { measure: { kind: 'dominant' } };

export const fairtree = ({ measure }: FairtreeOptions = FAIRTREE_OPTIONS): Policy => ({
  name: 'fairtree',
  begin: (accounts, standings) =>
    new Fairtree(accounts, standings, measured(measure, standings.capacity)),
});

/** A node of the tree: resource-time used, and how much it is due. */
interface Node {
  /** Its own, so that it may be added to. */
  readonly used: { -readonly [Kind in keyof Bundle]: Bundle[Kind] };
  readonly prio: number;
}

class Fairtree implements Ranking {
  readonly #measured: Measured;
  readonly #advanceMs: number;
  readonly #accounts: readonly Node[];
  readonly #projects: readonly Node[];
  readonly #projectOf: Int32Array;
  /** Jobs share needs. */
  readonly #advances = new Map<Needs, Bundle>();
  readonly groups: Groups;

  constructor(accounts: readonly AccountView[], standings: Standings, measure: Measured) {
    this.#measured = measure;
    this.#advanceMs = standings.advanceMs ?? ADVANCE_MS;
    this.#accounts = accounts.map(({ user, project }) =>
      nodeOf(standings.account?.(user, project) ?? standings.user(user)),
    );
    const indices = new Map<ProjectId, number>();
    this.#projectOf = Int32Array.from(accounts, ({ project }) => {
      const known = indices.get(project) ?? indices.size;
      indices.set(project, known);
      return known;
    });
    this.#projects = [...indices.keys()].map((project) => nodeOf(standings.project(project)));
    this.groups = {
      of: (account) => this.#projectOf[account] ?? 0,
      score: (group) => this.#level(this.#projects[group]),
    };
  }

  score(account: number, _head: Head): number {
    return this.#level(this.#accounts[account]);
  }

  charged(account: number, needs: Needs): void {
    let more = this.#advances.get(needs);
    if (more === undefined) {
      more = over(needs, this.#advanceMs);
      this.#advances.set(needs, more);
    }
    add(this.#accounts[account], more);
    add(this.#projects[this.groups.of(account)], more);
  }

  /** The project's part decides; the user's only among those of the project. */
  terms(account: number, _head: Head): readonly Term[] {
    const project = this.groups.of(account);
    const users = this.#accounts.filter((_node, index) => this.groups.of(index) === project);
    return [
      this.#term('project', this.#projects[project], this.#projects),
      this.#term('user', this.#accounts[account], users),
    ];
  }

  /** `normalised`: the part it has used of what all siblings that wait have used. */
  #term(name: string, node: Node | undefined, siblings: readonly Node[]): Term {
    const raw = node === undefined ? 0 : this.#measured(node.used);
    const whole = siblings.reduce((sum, { used }) => sum + this.#measured(used), 0);
    return {
      name,
      raw,
      unit: '',
      normalised: whole > 0 ? raw / whole : 0,
      weight: node?.prio ?? PRIO_USUAL,
      value: this.#level(node),
    };
  }

  /** Use over weight. Who is due nothing comes after all others, and then by use. */
  #level(node: Node | undefined): number {
    if (node === undefined) return 0;
    const used = this.#measured(node.used);
    return node.prio > 0 ? (used * PRIO_USUAL) / node.prio : LAST * (1 + used);
  }
}

/** Above the use over weight of anybody who is due something. */
const LAST = 1e24;

function add(node: Node | undefined, { cpuMilli, memMb, gpus }: Bundle): void {
  if (node === undefined) return;
  node.used.cpuMilli += cpuMilli;
  node.used.memMb += memMb;
  node.used.gpus += gpus;
}

function nodeOf(standing: Standing | undefined): Node {
  const { cpuMilliMs, memMbMs, gpuMs } = standing?.used ?? NO_USE;
  return {
    used: { cpuMilli: cpuMilliMs, memMb: memMbMs, gpus: gpuMs },
    prio: standing?.prio ?? PRIO_USUAL,
  };
}
