/**
 * The example of the paper on the original: on 100 slots one user submits 1,000 jobs, then another one. Played through the
 * production ordering and matching; run as a program it draws the picture of the user guide:
 * `node dist/bench/paper-example.js > docs/fair-share.svg`.
 */
import { pathToFileURL } from 'node:url';
import { planCycle } from '../src/core/cycle.js';
import { fairshare } from '../src/core/fairshare.js';
import { Heap } from '../src/core/heap.js';
import { ADVANCE_MS, fifo, type Policy } from '../src/core/policy.js';
import { PendingQueue } from '../src/core/queue.js';
import {
  agentId,
  type Instant,
  instant,
  type JobId,
  jobId,
  offerId,
  projectId,
  userId,
} from '../src/core/units.js';
import { DAY_MS } from '../src/core/usage.js';
import { type ChargedJob, UsageBook } from '../src/core/usage-book.js';

const SLOTS = 100;
const JOBS = 1_000;
const MINUTE_MS = 60_000;
const START = instant(1_800_000_000_000);
/** When the second user comes. */
const NEWCOMER_MS = 20 * MINUTE_MS;
const NEWCOMER = jobId(JOBS + 1);
const NEEDS = { cpuMilli: 1_000, memMb: 1_000, gpus: 0, ports: 0, custom: {} };

/** When each job started, in the order of starts; in minutes from the beginning. */
export interface Started {
  readonly id: JobId;
  readonly minute: number;
}

/** Half an hour to an hour and a half, so that slots free up one after another. */
const durationMs = (id: JobId): number => (30 + ((id * 37) % 60)) * MINUTE_MS;

export function paperExample(policy: Policy): readonly Started[] {
  const queue = new PendingQueue();
  const book = new UsageBook({ kind: 'half-life', halfLifeMs: 7 * DAY_MS }, ADVANCE_MS);
  book.load([], [], START);
  const ends = new Heap<{ readonly job: ChargedJob; readonly at: Instant }>(
    (a, b) => a.at < b.at || (a.at === b.at && a.job.id < b.job.id),
  );
  const started: Started[] = [];
  const submit = (id: JobId, user: string, submittedAt: Instant): void => {
    const about = { owner: userId(user), project: projectId('default'), submittedAt };
    const rest = { needs: NEEDS, constraints: [], executor: null, notBefore: null };
    queue.add({ id, ...about, ...rest });
  };
  const cycle = (at: Instant): void => {
    book.moveTo(at);
    const free = { ...NEEDS, cpuMilli: (SLOTS - ends.size) * 1_000, memMb: 1e6, ports: [] };
    const where = { executor: 'mesos', agentId: agentId('a1'), host: 'host1', role: '*' };
    const offer = { id: offerId('o1'), ...where, free, attributes: {}, unavailableFrom: null };
    const limits = { launchesMax: SLOTS, shapesMax: 10 };
    const plan = planCycle({ queue, offers: [offer], policy, at, limits, standings: book });
    for (const { jobId: id } of plan.launches) {
      const owner = userId(id === NEWCOMER ? 'B' : 'A');
      const job = { id, owner, project: projectId('default'), needs: NEEDS, startedAt: at };
      queue.remove(id);
      book.charge(job);
      ends.push({ job, at: instant(at + durationMs(id)) });
      started.push({ id, minute: (at - START) / MINUTE_MS });
    }
  };
  for (let id = 1; id <= JOBS; id++) submit(jobId(id), 'A', START);
  cycle(START);
  let hasCome = false;
  for (let next = ends.peek(); next !== undefined; next = ends.peek()) {
    if (!hasCome && next.at - START > NEWCOMER_MS) {
      hasCome = true;
      submit(NEWCOMER, 'B', instant(START + NEWCOMER_MS));
    }
    ends.pop();
    const { job, at } = next;
    book.settle({ ...job, usedMs: durationMs(job.id), endedAt: at });
    cycle(at);
  }
  return started;
}

/** The newcomer's start in minutes, and how many jobs started before it. */
export function newcomerIn(started: readonly Started[]): { minute: number; before: number } {
  const before = started.findIndex(({ id }) => id === NEWCOMER);
  return { minute: started[before]?.minute ?? Number.NaN, before };
}

const WIDTH = 720;
const ROW = 150;
const LEFT = 60;

/** Starts over time for each policy, the newcomer's marked. */
export function picture(): string {
  const runs = [fairshare(), fifo].map((policy) => ({
    name: policy.name,
    started: paperExample(policy),
  }));
  const minutes = Math.max(...runs.flatMap(({ started }) => started.map(({ minute }) => minute)));
  const x = (minute: number): number => Math.round(LEFT + (minute / minutes) * (WIDTH - LEFT - 20));
  const rows = runs.map(({ name, started }, row) =>
    rowOf(name, started, { x, top: 40 + row * ROW }),
  );
  const height = 40 + ROW * runs.length + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img">
<title>On 100 slots A submits 1,000 jobs, then B one: when each starts</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="${LEFT}" y="20" font-size="14">100 slots: A submits 1,000 jobs, after ${NEWCOMER_MS / MINUTE_MS} minutes B submits one</text>
${rows.join('\n')}
</svg>
`;
}

function rowOf(
  name: string,
  started: readonly Started[],
  { x, top }: { readonly x: (minute: number) => number; readonly top: number },
): string {
  const bottom = top + ROW - 40;
  const y = (count: number): number => Math.round(bottom - (count / started.length) * (ROW - 60));
  // One corner for each minute is as fine as the picture gets.
  const corners = new Map<number, number>();
  for (const [index, { minute }] of started.entries()) corners.set(x(minute), y(index + 1));
  const points = [...corners].map(([at, height]) => `${at},${height}`).join(' ');
  const { minute, before } = newcomerIn(started);
  const waited = minute - NEWCOMER_MS / MINUTE_MS;
  const side = minute > 300 ? `text-anchor="end" x="${x(minute) - 8}"` : `x="${x(minute) + 8}"`;
  return [
    `<text x="8" y="${bottom}">${name}</text>`,
    `<line x1="${LEFT}" y1="${bottom}" x2="${WIDTH - 20}" y2="${bottom}" stroke="#999"/>`,
    `<polyline points="${points}" fill="none" stroke="#4a7fb5" stroke-width="2"/>`,
    `<line x1="${x(minute)}" y1="${bottom}" x2="${x(minute)}" y2="${top}" stroke="#c4402f" stroke-dasharray="3 3"/>`,
    `<circle cx="${x(minute)}" cy="${y(before + 1)}" r="5" fill="#c4402f"/>`,
    `<text ${side} y="${top + 12}" fill="#c4402f">B starts after ${waited} minutes, behind ${before} jobs of A</text>`,
  ].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(picture());
