/** `hold`, `release` and `reschedule`. */
import { type CommonOptions, type Context, connect, printJson, readId, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure, Unreachable } from '../failure.js';
import { isRecord } from '../wire.js';

export const hold = (
  context: Context,
  ids: readonly string[],
  options: CommonOptions,
): Promise<number> => each(context, 'hold', ids, options);

export const release = (
  context: Context,
  ids: readonly string[],
  options: CommonOptions,
): Promise<number> => each(context, 'release', ids, options);

/** Each is launched anew if it runs. */
export const reschedule = (
  context: Context,
  ids: readonly string[],
  options: CommonOptions,
): Promise<number> => each(context, 'reschedule', ids, options);

/** Goes on after a refusal and exits with the first one's code. */
async function each(
  context: Context,
  what: 'hold' | 'release' | 'reschedule',
  ids: readonly string[],
  { json }: CommonOptions,
): Promise<number> {
  const client = connect(context);
  const results: { id: number; ok: boolean; message: string }[] = [];
  let code: number = EXIT.ok;
  for (const id of ids.map(readId)) {
    try {
      // A release that was heard and whose answer got lost would be refused the second time.
      const said = await client.json('POST', `task/${id}/${what}`, {
        isRepeatable: what === 'hold',
      });
      const message = isRecord(said) && typeof said.msg === 'string' ? said.msg : `${what} done`;
      results.push({ id, ok: true, message });
    } catch (error) {
      if (!(error instanceof Failure) || error instanceof Unreachable) throw error;
      results.push({ id, ok: false, message: error.message });
      code ||= error.exitCode;
    }
  }
  if (json === true) await printJson(context, results);
  else for (const { id, message } of results) tell(context, `job ${id}: ${message}`);
  return code;
}
