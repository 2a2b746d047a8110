/** `archive`: the directories of jobs that are over are removed, their records stay. */
import { type CommonOptions, type Context, connect, printJsonLine, readId } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { isRecord } from '../wire.js';

/** One after the other; the first that is refused ends it, and those before it are gone. */
export async function archive(
  context: Context,
  ids: readonly string[],
  options: CommonOptions,
): Promise<number> {
  const client = connect(context);
  for (const id of ids.map(readId)) {
    const said = await client.json('GET', `task/${id}/archive`);
    if (options.json === true) await printJsonLine(context, said);
    else await context.terminal.out(`${sentence(id, said)}\n`);
  }
  return EXIT.ok;
}

function sentence(id: number, said: unknown): string {
  const count = isRecord(said) && typeof said.archived === 'number' ? said.archived : null;
  if (count === 0) return `Job ${id} has no directory any more.`;
  if (count === null || count === 1) return `Job ${id} archived: its directory is removed.`;
  return `Job ${id} archived: ${count} directories are removed.`;
}
