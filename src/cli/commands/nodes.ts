/** `nodes`, `node drain` and `node resume`. */
import { type CommonOptions, type Context, connect, printJson } from '../context.js';
import { readTime } from '../dependencies.js';
import { EXIT } from '../exit-codes.js';
import { type NodeView, readNode, readNodes } from '../node-wire.js';
import { type Column, table } from '../table.js';
import { isRecord } from '../wire.js';
import { localTime } from '../words.js';

export async function nodes(context: Context, options: CommonOptions): Promise<number> {
  const doc = await connect(context).json('GET', 'nodes');
  if (options.json === true) {
    await printJson(context, doc);
    return EXIT.ok;
  }
  const found = readNodes(doc);
  const { out, columns } = context.terminal;
  await out.call(context.terminal, table(found, nodeColumns(), columns));
  for (const node of found)
    if (node.evidence.length > 0)
      await out.call(
        context.terminal,
        `\n${node.name} was set aside because of these ends:\n${table(node.evidence, EVIDENCE, columns)}`,
      );
  return EXIT.ok;
}

export interface DrainOptions extends CommonOptions {
  readonly reason: string;
  readonly at?: string;
  readonly until?: string;
  readonly executor?: string;
}

export async function drain(
  context: Context,
  name: string,
  options: DrainOptions,
): Promise<number> {
  const { reason, executor } = options;
  const times = Object.fromEntries(
    (['at', 'until'] as const).flatMap((field) => {
      const text = options[field];
      return text === undefined ? [] : [[field, readTime(text, `--${field}`, context.now())]];
    }),
  );
  const body = { reason, ...times, ...(executor === undefined ? {} : { executor }) };
  return order(context, `nodes/${encodeURIComponent(name)}/drain`, body, options);
}

export async function resume(
  context: Context,
  name: string,
  options: CommonOptions & { readonly executor?: string },
): Promise<number> {
  const { executor } = options;
  const body = executor === undefined ? {} : { executor };
  return order(context, `nodes/${encodeURIComponent(name)}/resume`, body, options);
}

async function order(
  context: Context,
  path: string,
  body: unknown,
  { json }: CommonOptions,
): Promise<number> {
  const said = await connect(context).json('PUT', path, { body, isRepeatable: true });
  if (json === true) await printJson(context, said);
  else if (isRecord(said) && isRecord(said.node)) {
    const node = readNode(said.node);
    await context.terminal.out(table([node], nodeColumns(), context.terminal.columns));
  }
  return EXIT.ok;
}

const nodeColumns = (): readonly Column<NodeView>[] => [
  { title: 'NODE', value: (node) => node.name, widthMin: 12 },
  { title: 'EXECUTOR', value: (node) => node.executor },
  { title: 'STATE', value: (node) => node.state },
  { title: 'JOBS', value: (node) => String(node.jobs), isRight: true },
  { title: 'CPU', value: ({ used, total }) => share(used.cpu, total?.cpu), isRight: true },
  { title: 'RAM', value: ({ used, total }) => share(used.ram, total?.ram), isRight: true },
  { title: 'GPUS', value: ({ used, total }) => share(used.gpus, total?.gpus), isRight: true },
  { title: 'WHY', value: whyOf, widthMin: 12 },
];

const share = (used: number, total: number | undefined): string =>
  `${round(used)}/${total === undefined ? '?' : round(total)}`;

const round = (amount: number): string => String(Math.round(amount * 10) / 10);

function whyOf({ state, drain, setAside }: NodeView): string {
  if (drain !== null && state !== 'set-aside' && state !== 'probation') {
    const end = drain.until === null ? '' : ` until ${localTime(drain.until)}`;
    return `${drain.reason} (${drain.by}, from ${localTime(drain.from)}${end})`;
  }
  if (setAside === null) return '';
  const since = `jobs of several users failed there (${localTime(setAside.at)})`;
  return state === 'probation'
    ? `${since}; one job at a time tries it`
    : `${since}; tried again ${localTime(setAside.probeFrom)}`;
}

const EVIDENCE: readonly Column<NodeView['evidence'][number]>[] = [
  { title: 'JOB', value: ({ job }) => String(job), isRight: true },
  { title: 'USER', value: ({ user }) => user },
  { title: 'AT', value: ({ at }) => localTime(at) },
  { title: 'HOW', value: ({ how }) => how },
];
