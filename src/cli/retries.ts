/** `--retry-on` and `--retry-memory`: rules of launching again, as typed. A message instead of a value is for commander. */

/** As `requirements.retry` takes it. */
export interface RetryRuleAsked {
  readonly exit_codes?: readonly (number | string)[];
  readonly out_of_memory?: boolean;
  readonly times: number;
  readonly after?: string;
  readonly memory_factor?: number;
  readonly memory_max?: number;
}

const ON_FORM = 'write CODES:TIMES or CODES:TIMES:PAUSE, as in 75,100-110:3:30s';
const MEMORY_FORM = 'write FACTORx:TIMES or FACTORx:TIMES:MOST_GB, as in 2x:3:64';

/** `75,100-110:3:30s` */
export function readRetryOn(text: string): RetryRuleAsked | string {
  const [, codes = '', times, after] =
    /^(\d{1,3}(?:-\d{1,3})?(?:,\d{1,3}(?:-\d{1,3})?)*):(\d{1,3})(?::(\d{1,9}[smhd]?))?$/.exec(
      text,
    ) ?? [];
  if (times === undefined || Number(times) === 0) return ON_FORM;
  const exit_codes = codes.split(',').map((code) => (/-/.test(code) ? code : Number(code)));
  return { exit_codes, times: Number(times), ...(after === undefined ? {} : { after }) };
}

/** `2x:3:64` */
export function readRetryMemory(text: string): RetryRuleAsked | string {
  const [, factor, times, most] =
    /^(\d{1,3}(?:\.\d+)?)x:(\d{1,3})(?::(\d{1,7}(?:\.\d+)?))?$/.exec(text) ?? [];
  if (factor === undefined || Number(times) === 0 || Number(factor) <= 1) return MEMORY_FORM;
  return {
    out_of_memory: true,
    times: Number(times),
    memory_factor: Number(factor),
    ...(most === undefined ? {} : { memory_max: Number(most) }),
  };
}
