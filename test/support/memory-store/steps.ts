// A step of the leader, in the store in memory.
import type { JobStep, StepAnswer } from '../../../src/contracts/store.js';
import type { Job } from '../../../src/core/job.js';
import { heldIn } from './holds.js';
import { type MemoryRecord, readable, unmade } from './record.js';

export function takeStep(
  record: MemoryRecord,
  { from, unlessKillWanted, to, aftermath = [], amends }: JobStep,
): StepAnswer {
  const job = record.jobs.get(to.id) ?? unmade(record, to.id);
  const wanted = record.kills.get(to.id);
  const isKillWanted =
    wanted !== undefined || (job?.parent !== undefined && record.kills.has(job.parent));
  const array = job?.parent === undefined ? undefined : record.jobs.get(job.parent);
  const isHeld =
    (job !== undefined && heldIn(job) !== undefined) ||
    (array !== undefined && heldIn(array) !== undefined);
  const isMet =
    job?.state === from.state &&
    job.launches === from.launches &&
    !(unlessKillWanted && (isKillWanted || isHeld));
  if (job === undefined || !isMet)
    return { kind: 'refused', job: readable(record, to.id) ?? unmade(record, to.id) };
  const { owner, project, identity, submittedAt, parent } = job;
  const spec = amends === true && parent === undefined ? to.spec : job.spec;
  const version = job.version + 1;
  const ofArray = parent === undefined ? {} : { parent };
  const kept = { owner, project, identity, spec, submittedAt, version, ...ofArray };
  const { heldBack: _, ...rest } = { heldBack: undefined, ...to };
  const held = record.jobs.has(to.id) ? heldIn(job) : undefined;
  const mayBeHeld = to.state === 'pending' || to.state === 'open';
  const still = held === undefined || !mayBeHeld ? {} : { heldBack: held };
  const killWanted = wanted ?? (to.state === 'killing' ? to.killWanted : null);
  record.put({ ...rest, ...kept, ...still, killWanted } as Job);
  if (to.state === 'over' && to.directory !== null) record.diskDue.add(to.id);
  if (aftermath.length > 0)
    record.aftermath.set(to.id, [...(record.aftermath.get(to.id) ?? []), ...aftermath]);
  return { kind: 'stored', version };
}
