/** `requirements.retry`: after which ends of its own a job is launched again. And back, for whoever reads the job. */
import { z } from 'zod';
import type { Config } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import { MEMORY_FACTOR_MAX, RETRY_PAUSE_MS_MAX, RETRY_RULES_MAX } from '../contracts/limits.js';
import { DURATION_FORM, durationMsOf, durationText } from '../core/duration.js';
import type { ExitCodeRange, MemoryGrowth, RetryRule } from '../core/job.js';

const FIELD = 'requirements.retry';
const EXIT_CODE_MAX = 255;
/** 1 GB of a request is 1000 MB of Mesos' `mem` (decision 22). */
const MB_PER_GB = 1000;
/** Of a rule about memory that names no factor. */
const FACTOR_DEFAULT = 2;

const CODE_FORM = `must be a code from 1 to ${EXIT_CODE_MAX}, or a range as "100-110"`;

/** `75` or `"100-110"`. */
const exitCodes = z
  .union([z.number(), z.string()], { error: CODE_FORM })
  .transform((asked, context): ExitCodeRange => {
    const [, from, to = from] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(String(asked).trim()) ?? [];
    const range = { first: Number(from), last: Number(to) };
    if (range.first >= 1 && range.first <= range.last && range.last <= EXIT_CODE_MAX) return range;
    context.addIssue({ code: 'custom', message: CODE_FORM });
    return z.NEVER;
  });

const PAUSE_FORM = `must be ${DURATION_FORM}, at most ${durationText(RETRY_PAUSE_MS_MAX)}`;

const pause = z
  .union([z.number(), z.string()], { error: PAUSE_FORM })
  .transform((asked, context): number => {
    const ms = durationMsOf(String(asked));
    if (ms !== undefined && ms <= RETRY_PAUSE_MS_MAX) return ms;
    context.addIssue({ code: 'custom', message: PAUSE_FORM });
    return z.NEVER;
  });

const number = (min: number, max: number) =>
  z
    .number({ error: 'must be a number' })
    .min(min, { error: `must be at least ${min}` })
    .max(max, { error: `must be at most ${max}` });

export const RETRY_RULE = {
  exit_codes: z.array(exitCodes, { error: 'must be a list' }).max(EXIT_CODE_MAX).nullish(),
  out_of_memory: z.boolean({ error: 'must be true or false' }).nullish(),
  times: number(1, 1_000).refine(Number.isInteger, { error: 'must be a whole number' }),
  after: pause.nullish(),
  memory_factor: number(1, MEMORY_FACTOR_MAX).nullish(),
  memory_max: number(0.001, 1_000_000).nullish(),
};

const rule = z.looseObject(RETRY_RULE, { error: 'must be an object' });

/** The field of the task document. */
export const RETRY = z.array(rule, { error: 'must be a list of rules' }).max(RETRY_RULES_MAX, {
  error: `may have at most ${RETRY_RULES_MAX} rules`,
});

type AskedRule = z.infer<typeof rule>;

/** @throws ServiceError `bad-field`: a rule about nothing, growth that cannot be, more launches than the site grants */
export function readRetries(
  asked: readonly AskedRule[] | null | undefined,
  { memMb, jobs }: { readonly memMb: number; readonly jobs: Pick<Config['jobs'], 'ownRetriesMax'> },
): readonly RetryRule[] {
  const rules = (asked ?? []).map((one, index) => readRule(one, memMb, `${FIELD}[${index}]`));
  const times = rules.reduce((sum, { timesMax }) => sum + timesMax, 0);
  if (times > jobs.ownRetriesMax)
    refuse(
      FIELD,
      `asks for ${times} launches besides the first, this site grants ${jobs.ownRetriesMax}`,
    );
  return rules;
}

function readRule(asked: AskedRule, memMb: number, field: string): RetryRule {
  const isForMemory = asked.out_of_memory ?? false;
  const codes = asked.exit_codes ?? [];
  if (codes.length === 0 && !isForMemory)
    refuse(field, 'names neither exit_codes nor out_of_memory: true');
  return {
    exitCodes: codes,
    isForMemory,
    timesMax: asked.times,
    pauseMs: asked.after ?? 0,
    growth: readGrowth(asked, { memMb, isForMemory, field }),
  };
}

function readGrowth(
  { memory_factor, memory_max }: AskedRule,
  { memMb, isForMemory, field }: { memMb: number; isForMemory: boolean; field: string },
): MemoryGrowth | null {
  const factor = memory_factor ?? (isForMemory ? FACTOR_DEFAULT : 1);
  const memMbMax = memory_max == null ? null : Math.round(memory_max * MB_PER_GB);
  if (memMbMax !== null && factor === 1)
    refuse(`${field}.memory_max`, 'means nothing without a memory_factor above 1');
  if (memMbMax !== null && memMbMax <= memMb)
    refuse(
      `${field}.memory_max`,
      `must be more than the ${memMb / MB_PER_GB} GB that the job begins with`,
    );
  return factor === 1 ? null : { factor, memMbMax };
}

function refuse(field: string, why: string): never {
  throw new ServiceError('bad-field', `${field} ${why}`, { field });
}

/** The rules as they may be sent again. */
export const retriesToWire = (rules: readonly RetryRule[]): readonly Record<string, unknown>[] =>
  rules.map(({ exitCodes: codes, isForMemory, timesMax, pauseMs, growth }) => ({
    exit_codes: codes.map(({ first, last }) => (first === last ? first : `${first}-${last}`)),
    out_of_memory: isForMemory,
    times: timesMax,
    after: durationText(pauseMs),
    memory_factor: growth?.factor ?? 1,
    memory_max: growth?.memMbMax == null ? null : growth.memMbMax / MB_PER_GB,
  }));
