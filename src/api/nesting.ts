/** How deep a document of others may be: code that calls itself for each level, ours or a library's, must be able to follow. */
import { ServiceError } from '../contracts/errors.js';
import { JSON_DEPTH_MAX } from '../contracts/limits.js';

/** @throws ServiceError `bad-json` */
export function refuseDeep(value: unknown): void {
  let level = partsOf(value);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === JSON_DEPTH_MAX)
      throw new ServiceError('bad-json', `the body is nested deeper than ${JSON_DEPTH_MAX} levels`);
    level = level.flatMap((part) => Object.values(part).flatMap(partsOf));
  }
}

const partsOf = (value: unknown): readonly object[] =>
  typeof value === 'object' && value !== null ? [value] : [];
