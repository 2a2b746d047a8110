/** `archive`: the directories of jobs that are over are removed; their records stay, unless they are purged. */
import { type CommonOptions, type Context, connect, printJsonLine, readId } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { isRecord } from '../wire.js';

interface ArchiveOptions extends CommonOptions {
  /** Instead of ids: all of one's own that ended so many days ago. */
  readonly days?: string;
  readonly tag?: string;
  readonly purge?: boolean;
}

/** One after the other; the first that is refused ends it, and those before it are gone. */
export async function archive(
  context: Context,
  ids: readonly string[],
  options: ArchiveOptions,
): Promise<number> {
  const { days, tag, purge = false } = options;
  if ((ids.length === 0) === (days === undefined))
    throw new Failure(EXIT.usage, 'give ids of jobs, or --days');
  if (tag !== undefined && days === undefined)
    throw new Failure(EXIT.usage, '--tag goes with --days');
  const client = connect(context);
  const method = purge ? 'DELETE' : 'GET';
  const tell = async (said: unknown, sentence: string): Promise<void> => {
    if (options.json === true) await printJsonLine(context, said);
    else await context.terminal.out(`${sentence}\n`);
  };
  for (const id of ids.map(readId)) {
    const said = await client.json(method, `task/${id}/archive`);
    await tell(said, purge ? `Job ${id} is gone.` : sentenceOf(id, said));
  }
  // As many as one request takes, until none is left.
  for (let isMore = days !== undefined; isMore; ) {
    const query = tag === undefined ? {} : { query: { tag } };
    const said = await client.json(method, `archive/${days}`, query);
    const count = isRecord(said) ? Number(said[purge ? 'purged' : 'archived'] ?? 0) : 0;
    await tell(said, `${count} ${count === 1 ? 'job' : 'jobs'} ${purge ? 'purged' : 'archived'}.`);
    isMore = isRecord(said) && said.more === true;
  }
  return EXIT.ok;
}

function sentenceOf(id: number, said: unknown): string {
  const count = isRecord(said) && typeof said.archived === 'number' ? said.archived : null;
  if (count === 0) return `Job ${id} has no directory any more.`;
  if (count === null || count === 1) return `Job ${id} archived: its directory is removed.`;
  return `Job ${id} archived: ${count} directories are removed.`;
}
