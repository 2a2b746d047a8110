/** Schemas of what stands in paths, queries and bodies again and again, and how their refusals read. */
import { z } from 'zod';
import { type ErrorCode, ServiceError } from '../contracts/errors.js';
import { instant } from '../core/units.js';

/** Problems named in one answer; more would only repeat themselves. */
const PROBLEMS_SHOWN = 10;

/** What a check may say of its refusal besides the words. */
interface Refusal {
  /** `bad-field` unless told. */
  readonly code?: ErrorCode;
  /** The words are a whole sentence: the name of the field is not put before them. */
  readonly isSentence?: boolean;
}

/** Key of a schema's facts under which `wire` stands. */
export const WIRE = 'x-wire';

/** How a value reads on the wire, where that is not what the schema checks in the end: a number that may come as a text. */
export const wire = (schema: Readonly<Record<string, unknown>>) => ({ [WIRE]: schema });

/** A text that must match; `says` reads after the name of the field. */
export const text = (
  matches: (value: string) => boolean,
  says: string | ((value: string) => string),
  refusal: Refusal = {},
) =>
  z.string({ error: typeof says === 'string' ? says : 'must be a text' }).refine(matches, {
    error: ({ input }) => (typeof says === 'string' ? says : says(String(input))),
    params: refusal,
  });

/** A whole number of at least 0 in a path or a query. */
export const count = text(
  (value) => /^\d{1,9}$/.test(value),
  'must be a whole number of at least 0',
  {
    code: 'bad-request',
  },
)
  .transform(Number)
  .meta(wire({ type: 'integer', minimum: 0, maximum: 999_999_999 }));

const JOB_NUMBER = { type: 'integer', minimum: 1, maximum: 999_999_999_999_999 };

/** The number of a job in a path. Access reads and refuses it; here it is only described. */
export const JOB_ID = { id: z.string().meta(wire(JOB_NUMBER)) };

/** The login of a user in a path. */
export const LOGIN = { id: z.string().meta({ description: 'Login of a user.' }) };

/** The name of a project in a path. */
export const PROJECT = { id: z.string().meta({ description: 'Name of a project.' }) };

/** The last instant that a date can hold. */
const INSTANT_MAX = 8.64e15;

const msOf = (value: string): number =>
  /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1_000 : Date.parse(value);

/** A date, or seconds since 1970; empty is absent. */
export const moment = text(
  (value) => value === '' || (msOf(value) >= 0 && msOf(value) <= INSTANT_MAX),
  'must be a date, or a number of seconds since 1970',
)
  .transform((value) => (value === '' ? undefined : instant(Math.round(msOf(value)))))
  .optional()
  .meta(wire({ type: 'string', examples: ['2026-11-21T18:00:00Z', '1795284000'] }));

/** An object of a body; other keys are let pass, since old clients send whole documents back. */
export const section = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.looseObject(shape, { error: 'must be an object' });

/** Another job in a query: the handler reads it. */
export const OTHER_JOB = z.string().meta(wire(JOB_NUMBER));

/** `?strict=1` and the like: off when absent, `0` or `false`. */
export const flag = z
  .string()
  .optional()
  .transform((value) => value !== undefined && value !== '0' && value !== 'false')
  .meta(wire({ type: 'string', examples: ['1', '0'] }));

/** The refusal that tells of all problems: `field` is the first, the sentence has them all. */
export function fieldRefusal(error: z.ZodError): ServiceError {
  const problems = error.issues.map((issue) => {
    const { path, message } = issue;
    const { code = 'bad-field', isSentence = false }: Refusal =
      issue.code === 'custom' ? (issue.params ?? {}) : {};
    const field = fieldOf(path);
    const says = path.length > 0 && message.startsWith('Invalid input') ? 'is missing' : message;
    return { code, field, sentence: isSentence ? says : `${field} ${says}` };
  });
  const [first] = problems;
  return new ServiceError(
    first?.code ?? 'bad-field',
    problems
      .slice(0, PROBLEMS_SHOWN)
      .map(({ sentence }) => sentence)
      .join('; '),
    { field: first?.field ?? '', problems: problems.length },
  );
}

/** `container.volumes[0].name` */
function fieldOf(path: readonly PropertyKey[]): string {
  const joined = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('');
  return joined === '' ? 'body' : joined.replace(/^\./, '');
}
