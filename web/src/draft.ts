/** What the submission form holds, as typed; and the document it becomes. */
import type { JobView } from '../../src/cli/wire.js';
import type { Site } from './api.js';

export interface Draft {
  readonly name: string;
  readonly script: string;
  readonly image: string;
  readonly cpu: string;
  readonly ramGb: string;
  readonly gpus: string;
  readonly volumes: Readonly<Record<string, 'ro' | 'rw'>>;
  readonly description: string;
  readonly tags: string;
  readonly labels: string;
  /** Rules of launching again, as the copied job has them; the form shows none. */
  readonly retries: JobView['retries'];
}

const FIRST_SCRIPT = `#!/bin/sh
set -eu

echo "Hello from job $GODOCKER_JID on $(hostname)"
`;

export function freshDraft(site: Site): Draft {
  const image = site.images.find(({ isDefault }) => isDefault) ?? site.images[0];
  return {
    name: 'my job',
    script: FIRST_SCRIPT,
    image: image?.url ?? '',
    cpu: String(site.defaults.cpu),
    ramGb: String(site.defaults.ramGb),
    gpus: '0',
    volumes: {},
    description: '',
    tags: '',
    labels: '',
    retries: [],
  };
}

export function draftFrom(job: JobView, site: Site): Draft {
  const offered = new Set(site.volumes.map(({ name }) => name));
  const volumes = job.volumes
    .map((text) => text.split(':'))
    .filter(([name = '']) => offered.has(name))
    .map(([name = '', acl]) => [name, acl === 'rw' ? 'rw' : 'ro'] as const);
  return {
    name: job.name,
    script: job.script,
    image: job.image,
    cpu: String(job.cpu),
    ramGb: String(job.ramGb),
    gpus: String(job.gpus),
    volumes: Object.fromEntries(volumes),
    description: job.description,
    tags: job.tags.join(', '),
    labels: job.labels.join(', '),
    retries: job.retries,
  };
}

/** The historic shape that the server takes. */
export function documentOf(draft: Draft): object {
  return {
    meta: { name: draft.name, description: draft.description, tags: words(draft.tags) },
    requirements: {
      cpu: Number(draft.cpu),
      ram: Number(draft.ramGb),
      gpus: Number(draft.gpus),
      label: words(draft.labels),
      array: { values: null },
      tasks: [],
      ...(draft.retries.length === 0 ? {} : { retry: draft.retries }),
    },
    container: {
      ...(draft.image === '' ? {} : { image: draft.image }),
      volumes: Object.entries(draft.volumes).map(([name, acl]) => ({ name, acl })),
      network: true,
      root: false,
    },
    // Browsers may hand over Windows line ends, which no interpreter line survives.
    command: { interactive: false, cmd: draft.script.replaceAll('\r\n', '\n') },
  };
}

const words = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
