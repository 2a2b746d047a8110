/** The array that a submission asks for, checked against the limits of the site. */
import { ServiceError } from '../contracts/errors.js';
import { type ArraySpec, arraySize, parseArray } from '../core/array.js';
import type { ApiDeps } from './deps.js';
import type { TaskDocument } from './task-document.js';

/** Null: an ordinary job. @throws ServiceError `bad-field`, `too-large` */
export function readArray(
  { requirements }: TaskDocument,
  { config }: Pick<ApiDeps, 'config'>,
): ArraySpec | null {
  const { values, concurrency } = requirements?.array ?? {};
  if (values === undefined || values === null || values.trim() === '') {
    if (concurrency == null) return null;
    const field = 'requirements.array.concurrency';
    throw new ServiceError('bad-field', `${field} has no meaning without values`, { field });
  }
  const field = 'requirements.array.values';
  const parsed = parseArray(values);
  if (parsed.kind === 'wrong')
    throw new ServiceError('bad-field', `${field} ${parsed.because}`, { field });
  const { spec } = parsed;
  const size = arraySize(spec);
  const sizeMax = config.jobs.arraySizeMax;
  if (size > sizeMax)
    throw new ServiceError(
      'too-large',
      `${field} asks for ${size} members; this site allows ${sizeMax} in one array`,
      { field, members: size, membersMax: sizeMax },
    );
  if (concurrency == null) return spec;
  if (spec.concurrencyMax !== null && spec.concurrencyMax !== concurrency)
    throw new ServiceError(
      'bad-field',
      `requirements.array.concurrency is ${concurrency}, but values end in %${spec.concurrencyMax}`,
      { field: 'requirements.array.concurrency' },
    );
  return { ...spec, concurrencyMax: concurrency };
}
