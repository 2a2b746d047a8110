/** From a job back to the submission that it came from. Whoever sends it again gets what they would be given today. */
import type { Job } from '../core/job.js';
import type { Instant } from '../core/units.js';
import { jobToWire, type Wire } from './wire.js';

/** Of `requirements`: what was asked for, and not what became of it. */
const REQUIREMENTS = [
  ...(['cpu', 'ram', 'gpus', 'label', 'ports', 'network', 'executor'] as const),
  ...(['failure_policy', 'retry', 'maxlifespan'] as const),
] as const;

/**
 * A task document of its owner, without numbers, dates, states and dependencies of the former job; its volumes by name, for
 * their paths are the site's matter. A member of an array becomes a job by itself.
 */
export function replayOf(job: Job, script: string, at: Instant): Wire {
  const { user, meta, requirements, container, notify } = jobToWire(job, {
    ...{ script, isImageUsed: true, at },
  }) as Record<'user' | 'meta' | 'requirements' | 'container' | 'notify', Wire>;
  const asked = REQUIREMENTS.filter((name) => (requirements[name] ?? null) !== null);
  return {
    user: { project: user.project },
    notify,
    meta,
    requirements: {
      ...Object.fromEntries(asked.map((name) => [name, requirements[name]])),
      ...arrayAsked(job, requirements),
    },
    container: {
      image: container.image,
      volumes: job.spec.volumes.map(({ name, acl }) => ({ name, acl })),
      network: container.network,
      root: container.root,
    },
    command: { interactive: false, cmd: script },
  };
}

function arrayAsked({ parent }: Job, { array }: Wire): Wire {
  const { values, concurrency } = array as Wire;
  if (parent !== undefined || (values ?? null) === null) return { array: { values: null } };
  return { array: { values, ...((concurrency ?? null) === null ? {} : { concurrency }) } };
}
