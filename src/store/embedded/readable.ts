// A record that was asked for alone and cannot be read is an error: it cannot be left out.
import { ServiceError } from '../../contracts/errors.js';
import { UnreadableRecord } from './rows.js';

/** @throws ServiceError internal, with the record's id */
export function readable<T>(parse: () => T): T {
  try {
    return parse();
  } catch (failure) {
    if (!(failure instanceof UnreadableRecord)) throw failure;
    throw new ServiceError('internal', failure.message, { id: failure.id }, { cause: failure });
  }
}
