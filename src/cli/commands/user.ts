/** `user …`: administrators look at users and change what they are due; everybody may look at himself. */
import { type ShareOptions, shareFields } from '../account-options.js';
import {
  type Doc,
  diskLine,
  type QuotaOptions,
  quotaLine,
  quotasOf,
  readDoc,
  readDocs,
  shown,
} from '../account-view.js';
import { type CommonOptions, type Context, connect, printJson } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { type Column, facts, table } from '../table.js';
import { isRecord } from '../wire.js';

const route = (login: string): string => `user/${encodeURIComponent(login)}`;
const usageOf = ({ usage }: Doc): Doc => (isRecord(usage) ? usage : {});

export async function listUsers(context: Context, options: CommonOptions): Promise<number> {
  const found = await connect(context).json('GET', 'user');
  if (options.json === true) await printJson(context, found);
  else
    await context.terminal.out(table(readDocs(found, 'user'), COLUMNS, context.terminal.columns));
  return EXIT.ok;
}

/** Without a login: oneself. */
export async function showUser(
  context: Context,
  login: string | undefined,
  options: CommonOptions,
): Promise<number> {
  const client = connect(context);
  return show(context, await client.json('GET', route(login ?? client.user)), options);
}

export async function editUser(
  context: Context,
  login: string,
  options: CommonOptions & ShareOptions,
): Promise<number> {
  const usage = shareFields(options);
  if (Object.keys(usage).length === 0)
    throw new Failure(EXIT.usage, 'nothing to change: name an option, see "god user edit -h"');
  const client = connect(context);
  await client.json('PUT', route(login), { body: { usage }, isRepeatable: true });
  return show(context, await client.json('GET', route(login)), options);
}

/** What is used of each quota; with `--reset` it begins anew first. */
export async function userQuota(
  context: Context,
  login: string | undefined,
  options: QuotaOptions,
): Promise<number> {
  const client = connect(context);
  const name = login ?? client.user;
  return quotasOf(context, { client, path: route(name), whose: `user ${name}` }, options);
}

async function show(context: Context, found: unknown, options: CommonOptions): Promise<number> {
  if (options.json === true) {
    await printJson(context, found);
    return EXIT.ok;
  }
  const user = readDoc(found, 'user');
  await context.terminal.out(
    facts([
      ['User', user.admin === true ? `${shown(user.id)}, administrator` : shown(user.id)],
      ['uid and gid', `${shown(user.uid)}, ${shown(user.gid)}`],
      ['E-mail', shown(user.email)],
      ['Home', shown(user.homeDirectory)],
      ['Priority', shown(usageOf(user).prio)],
      ['Quotas', quotaLine(usageOf(user))],
      ['Disk', diskLine(usageOf(user))],
    ]),
  );
  return EXIT.ok;
}

const COLUMNS: readonly Column<Doc>[] = [
  { title: 'USER', value: ({ id }) => shown(id), widthMin: 8 },
  { title: 'UID', value: ({ uid }) => shown(uid), isRight: true },
  { title: 'ADMIN', value: ({ admin }) => (admin === true ? 'yes' : '-') },
  { title: 'PRIO', value: (user) => shown(usageOf(user).prio), isRight: true },
  { title: 'QUOTAS', value: (user) => quotaLine(usageOf(user)), widthMin: 8 },
  { title: 'DISK', value: (user) => diskLine(usageOf(user)), isRight: true },
  { title: 'E-MAIL', value: ({ email }) => shown(email), widthMin: 8 },
];
