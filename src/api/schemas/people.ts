/** Users and projects as clients see them; and what administrators send of both. */
import { z } from 'zod';
import { DESCRIPTION_CHARS_MAX, PROJECT_MEMBERS_MAX } from '../../contracts/limits.js';
import { PRIO_MAX } from '../../core/policy.js';
import { text, wire } from '../fields.js';
import { epochSeconds, shape, whole } from './answer.js';

const quotas = {
  quota_time: z.number().meta({ description: 'Seconds; 0: no limit, as of every quota.' }),
  quota_cpu: z.number(),
  quota_ram: z.number().meta({ description: 'GB.' }),
  quota_cpu_hours: z.number(),
  quota_gpu_hours: z.number(),
  quota_memory_hours: z.number().meta({ description: 'GB times hours.' }),
  quota_disk: z.number().meta({ description: 'GB.' }),
};
const disk = {
  disk: whole.optional().meta({ description: 'What job directories take, in bytes.' }),
  quota_disk_in_force: z.number().optional().meta({ description: 'GB, with the default.' }),
};

export const USER = shape({
  id: z.string().meta({ description: 'Login.' }),
  uid: whole,
  gid: whole,
  sgids: z.array(whole),
  email: z.string().nullable(),
  admin: z.boolean(),
  homeDirectory: z.string(),
  credentials: shape({
    apikey: z.literal('').meta({ description: 'Keys are shown once, when they are made.' }),
    public: z.string().meta({ description: 'SSH key.' }),
  }),
  usage: shape({ prio: z.number(), ...quotas, ...disk }),
}).meta({ id: 'User' });

export const PROJECT_DOCUMENT = shape({
  id: z.string(),
  description: z.string(),
  prio: z.number(),
  members: z.array(z.string()),
  volumes: z.array(z.never()),
  ...quotas,
  ...disk,
}).meta({ id: 'Project' });

/** What of the quotas is used. */
export const QUOTA_REPORT = shape({
  period: z.enum(['window', 'month']),
  days: whole.optional(),
  time_zone: z.string().optional(),
  since: epochSeconds,
  begins_anew: epochSeconds.nullable(),
  quotas: z.array(
    shape({ name: z.string(), unit: z.string(), limit: z.number(), used: z.number() }),
  ),
}).meta({ id: 'QuotaReport' });

/** Days of `GET …/usage`, written as the original did: `2026_3_7`. */
export const USAGE = z.array(
  shape({
    date: z.string().regex(/^\d{4}_\d{1,2}_\d{1,2}$/),
    cpu: z.number(),
    ram: z.number(),
    time: z.number(),
    gpus: z.number(),
  }),
);

/** What a change answers. */
export const changed = (msg: string) => shape({ msg: z.literal(msg), id: z.string() });

/** A number, or one in a text as old command lines send it. Absent, null and empty: it stays as it was. */
const amount = (max?: number) => {
  const says =
    max === undefined ? 'must be a number of at least 0' : `must be a number from 0 to ${max}`;
  const most = max ?? 1e15;
  return z
    .unknown()
    .transform((found, context): number | undefined => {
      if (found === undefined || found === null || found === '') return undefined;
      const value = typeof found === 'string' && found.trim() !== '' ? Number(found) : found;
      if (typeof value === 'number' && value >= 0 && value <= most) return value;
      context.addIssue({ code: 'custom', message: says });
      return z.NEVER;
    })
    .optional()
    .meta(
      wire({
        anyOf: [
          { type: 'number', minimum: 0, maximum: most },
          { type: 'string', pattern: '^(\\d{1,15}(\\.\\d+)?)?$' },
          { type: 'null' },
        ],
      }),
    );
};

/** Priority and quotas of a user or project. */
export const SHARE_FIELDS = {
  prio: amount(PRIO_MAX),
  quota_time: amount(),
  quota_cpu: amount(),
  quota_ram: amount(),
  quota_cpu_hours: amount(),
  quota_gpu_hours: amount(),
  quota_memory_hours: amount(),
  quota_disk: amount(),
};

const NAME = /^[a-z0-9_][a-z0-9_.-]{0,63}$/i;
const NAME_SAYS = 'must be 1 to 64 letters, digits, dots, dashes and underscores';

export const PROJECT_NAME = text((value) => NAME.test(value), NAME_SAYS).meta(
  wire({ type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$' }),
);

const DESCRIPTION_SAYS = `must be a text of at most ${DESCRIPTION_CHARS_MAX} characters`;

/** What the body of a project names replaces what was. */
export const PROJECT_FIELDS = {
  description: text((value) => [...value].length <= DESCRIPTION_CHARS_MAX, DESCRIPTION_SAYS)
    .meta(wire({ type: 'string', maxLength: DESCRIPTION_CHARS_MAX }))
    .optional(),
  members: z
    .array(z.string({ error: 'must be a login' }), {
      error: `must be a list of at most ${PROJECT_MEMBERS_MAX} logins`,
    })
    .max(PROJECT_MEMBERS_MAX, { error: `must be a list of at most ${PROJECT_MEMBERS_MAX} logins` })
    .nullish(),
  volumes: z
    .unknown()
    .refine((value) => !Array.isArray(value) || value.length === 0, {
      error: 'volumes: projects have no volumes in this version',
      params: { code: 'not-supported', isSentence: true },
    })
    .optional(),
  ...SHARE_FIELDS,
};
