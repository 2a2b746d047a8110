/** `queues`: what queues the site has, for whom, and how full they are. */
import { type CommonOptions, type Context, connect, printJson, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { type Column, table } from '../table.js';
import { isRecord } from '../wire.js';

type Json = Readonly<Record<string, unknown>>;

export async function queues(context: Context, options: CommonOptions): Promise<number> {
  const doc = await connect(context).json('GET', 'queues');
  if (options.json === true) {
    await printJson(context, doc);
    return EXIT.ok;
  }
  if (!Array.isArray(doc) || !doc.every(isRecord))
    throw new Failure(EXIT.protocol, 'the server answered something that is no list of queues');
  const { terminal } = context;
  if (doc.length === 0) tell(context, 'this site has no queues');
  else await terminal.out(table(doc, COLUMNS, terminal.columns));
  return EXIT.ok;
}

const shown = (found: unknown): string =>
  typeof found === 'string' || typeof found === 'number' ? String(found) : '-';

const words = (found: unknown): string =>
  Array.isArray(found) && found.length > 0 ? found.map(shown).join(',') : '-';

const load = ({ load }: Json, key: string): string => (isRecord(load) ? shown(load[key]) : '?');

const COLUMNS: readonly Column<Json>[] = [
  { title: 'QUEUE', value: ({ name }) => shown(name), widthMin: 8 },
  { title: 'PRIO', value: ({ priority }) => shown(priority), isRight: true },
  { title: 'WAITING', value: (queue) => load(queue, 'waiting'), isRight: true },
  { title: 'RUNNING', value: (queue) => load(queue, 'running'), isRight: true },
  { title: 'MAX', value: ({ max_running: max }) => shown(max), isRight: true },
  { title: 'MAX/USER', value: ({ max_running_per_user: max }) => shown(max), isRight: true },
  { title: 'LIFESPAN', value: ({ default_lifespan: usual }) => shown(usual) },
  { title: 'MAX LIFESPAN', value: ({ max_lifespan: max }) => shown(max) },
  { title: 'OPEN TO', value: ({ open_to: projects }) => words(projects), widthMin: 8 },
  { title: 'DESCRIPTION', value: ({ description }) => shown(description), widthMin: 10 },
];
