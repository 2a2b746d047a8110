/** `share`: who stands where in the queue, and every term of the score. */
import { type CommonOptions, type Context, connect, printJson, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Refused } from '../failure.js';
import { type Account, readShares, type SharesView, type ShareTerm } from '../share-view.js';
import { type Column, facts, table } from '../table.js';
import { duration } from '../words.js';

/** Of one user, of one project, or of all that one may see. */
export async function share(
  context: Context,
  name: string | undefined,
  options: CommonOptions,
): Promise<number> {
  const doc = await ask(context, name);
  if (options.json === true) {
    await printJson(context, doc);
    return EXIT.ok;
  }
  const shares = readShares(doc);
  const { terminal } = context;
  await terminal.out(`${heading(shares)}\n`);
  const isOfAll = name === undefined || shares.accounts.length > 1;
  if (shares.accounts.length === 0)
    tell(
      context,
      name === undefined ? 'nobody has used anything yet' : `${name} has used nothing yet`,
    );
  else if (isOfAll)
    await terminal.out(`\n${table(shares.accounts, columnsFor(shares), terminal.columns)}`);
  if (name !== undefined)
    for (const account of shares.accounts)
      await terminal.out(`\n${details(account, terminal.columns)}`);
  return EXIT.ok;
}

/** A name may be a user's or a project's; users come first. */
async function ask(context: Context, name: string | undefined): Promise<unknown> {
  const client = connect(context);
  if (name === undefined) return client.json('GET', 'share');
  try {
    return await client.json('GET', 'share', { query: { user: name } });
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 404) throw error;
    return client.json('GET', 'share', { query: { project: name } });
  }
}

const queueOf = ({ queue, queuePriority }: Account): string =>
  queuePriority === null
    ? (queue ?? '-')
    : `${queue}, priority ${number(queuePriority)}: compared before the score`;

function heading({ policy, usage }: SharesView): string {
  const past =
    usage.kind === 'window'
      ? `use of the last ${usage.days} days`
      : `use halves every ${duration(usage.halfLifeMs)}`;
  return `Policy ${policy}; ${past}; the lowest score goes first.`;
}

const number = (value: number): string =>
  Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(3)
    : String(Number(value.toFixed(3)));

/** Queues are shown where somebody waits in one: their priority goes before every score. */
function columnsFor({ accounts }: SharesView): readonly Column<Account>[] {
  if (accounts.every(({ queue }) => queue === null)) return ACCOUNTS;
  const at = ACCOUNTS.findIndex(({ title }) => title === 'WAITING');
  return [...ACCOUNTS.slice(0, at), ...QUEUES, ...ACCOUNTS.slice(at)];
}

const QUEUES: readonly Column<Account>[] = [
  { title: 'QUEUE', value: ({ queue }) => queue ?? '-', widthMin: 5 },
  {
    title: 'Q-PRIO',
    value: ({ queuePriority }) => (queuePriority === null ? '-' : number(queuePriority)),
    isRight: true,
  },
];

const ACCOUNTS: readonly Column<Account>[] = [
  {
    title: 'POS',
    value: ({ position }) => (position === null ? '-' : String(position)),
    isRight: true,
  },
  { title: 'USER', value: ({ user }) => user, widthMin: 8 },
  { title: 'PROJECT', value: ({ project }) => project, widthMin: 8 },
  { title: 'WAITING', value: ({ waiting }) => String(waiting), isRight: true },
  { title: 'RUNNING', value: ({ running }) => String(running), isRight: true },
  { title: 'CPU-H', value: ({ cpuHours }) => cpuHours.toFixed(1), isRight: true },
  { title: 'GB-H', value: ({ ramHours }) => ramHours.toFixed(1), isRight: true },
  { title: 'GPU-H', value: ({ gpuHours }) => gpuHours.toFixed(1), isRight: true },
  { title: 'SCORE', value: ({ score }) => (score === null ? '-' : number(score)), isRight: true },
];

const TERMS: readonly Column<ShareTerm>[] = [
  { title: 'TERM', value: ({ name }) => name },
  { title: 'USED', value: ({ raw, unit }) => `${number(raw)} ${unit}`.trim(), isRight: true },
  { title: 'NORMALISED', value: ({ normalised }) => number(normalised), isRight: true },
  { title: 'WEIGHT', value: ({ weight }) => number(weight), isRight: true },
  { title: 'VALUE', value: ({ value }) => number(value), isRight: true },
];

function details(account: Account, columns: number | null): string {
  const { user, project, position, waiting, running, score, groupScore } = account;
  const supposed = position === null ? ' (if a job were submitted now)' : '';
  const head = facts([
    ['Account', `${user} in ${project}, priority ${number(account.prio)}`],
    ...(account.queue === null ? [] : ([['Queue', queueOf(account)]] as const)),
    ['Jobs', `${waiting} waiting, ${running} running`],
    ['Position', position === null ? '-' : String(position)],
    ...(groupScore === null ? [] : ([['Score of its group', number(groupScore)]] as const)),
    ['Score', score === null ? '-' : `${number(score)}${supposed}`],
  ]);
  return account.terms.length === 0 ? head : `${head}\n${table(account.terms, TERMS, columns)}`;
}
