/** `godocker admin user`: accounts that are kept here. The service may run meanwhile. */
import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { hashPassword, makeUser } from '../api/accounts.js';
import { passwordTrouble } from '../api/key-fields.js';
import { createRevocations } from '../api/revocations.js';
import { type Column, table } from '../cli/table.js';
import { processTerminal } from '../cli/terminal.js';
import { systemAccount } from '../config/job-account.js';
import type { Config } from '../contracts/config.js';
import { SILENT } from '../contracts/log.js';
import { isLocal } from '../contracts/person.js';
import type { Store, UserRecord } from '../contracts/store.js';
import type { Identity } from '../core/job.js';
import { isLogin } from '../core/login.js';
import { type UserId, userId } from '../core/units.js';
import { systemClock } from '../host/system.js';
import type { BillPorts } from './bill.js';
import { openToLook } from './open-store.js';

/** After sysexits: no such user, or one too many. */
const NO_USER = 67;
const ID_MAX = 2 ** 32 - 2;
const PASSWORD_INPUT_BYTES_MAX = 4_096;

interface IdentityOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly home?: string;
  readonly email?: string;
}

interface AddOptions extends IdentityOptions {
  readonly config?: string;
  readonly admin?: true;
  /** False: nothing opens it but keys. */
  readonly password: boolean;
  readonly key?: true;
}

interface EditOptions extends IdentityOptions {
  readonly config?: string;
  readonly admin?: boolean;
  readonly active?: boolean;
  readonly fromSystem?: true;
}

interface ListOptions {
  readonly config?: string;
  readonly json?: true;
}

export function userCommand(ports: BillPorts): Command {
  const user = new Command('user').description('accounts that are kept here');
  const withStore =
    <Args extends readonly unknown[]>(
      work: (
        parts: { readonly store: Store; readonly config: Config },
        ...args: Args
      ) => Promise<number>,
    ) =>
    async (options: { readonly config?: string }, ...args: Args): Promise<void> => {
      const config = ports.configured(options.config);
      ports.done(config === undefined ? ports.wrongConfig : await opened(config, work, args));
    };
  withIdentity(user.command('add <login>'))
    .description('make an account; uid, gid, groups and home of the system account of that name')
    .option('--admin', 'an administrator')
    .option('--no-password', 'no password: API keys alone open it')
    .option('--key', 'make an API key and print it')
    .action((login: string, options: AddOptions) => withStore(add)(options, login, options));
  withIdentity(user.command('edit <login>'))
    .description('change an account; what is not named stays')
    .option('--from-system', 'uid, gid, groups and home of the system account once more')
    .option('--admin', 'an administrator')
    .option('--no-admin', 'no administrator')
    .option('--active', 'let a guest in')
    .option('--no-active', 'let a guest in no longer')
    .action((login: string, options: EditOptions) => withStore(edit)(options, login, options));
  withConfig(user.command('password <login>'))
    .description('set a password, asked for or the first line of standard input; sessions end')
    .action((login: string, options: ListOptions) => withStore(password)(options, login));
  withConfig(user.command('remove <login>'))
    .description('remove an account that has no jobs that wait or run; its past stays on record')
    .action((login: string, options: ListOptions) => withStore(remove)(options, login));
  withConfig(user.command('list'))
    .description('all accounts, and who vouches for them')
    .option('--json', 'for programs')
    .action((options: ListOptions) => withStore(list)(options, options));
  for (const command of [user, ...user.commands]) command.exitOverride().showHelpAfterError();
  return user;
}

const withConfig = (command: Command): Command =>
  command.option(
    '--config <file>',
    'configuration file (default: $GOD_CONFIG, then godocker.yaml)',
  );

const withIdentity = (command: Command): Command =>
  withConfig(command)
    .option('--uid <number>', 'of its jobs', readId)
    .option('--gid <number>', 'of its jobs', readId)
    .option('--home <path>', 'home directory, an absolute path', readPath)
    .option('--email <address>', 'where mail goes');

function readId(text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (id > 0 && id <= ID_MAX) return id;
  throw new InvalidArgumentError(`It is a number from 1 to ${ID_MAX}: nobody runs jobs as root.`);
}

function readPath(text: string): string {
  if (text.startsWith('/') && !text.split('/').includes('..')) return text;
  throw new InvalidArgumentError('It is no absolute path.');
}

type Parts = { readonly store: Store; readonly config: Config };

async function opened<Args extends readonly unknown[]>(
  config: Config,
  work: (parts: Parts, ...args: Args) => Promise<number>,
  args: Args,
): Promise<number> {
  const store = await openToLook(config, SILENT);
  try {
    return await work({ store, config }, ...args);
  } finally {
    await store.close();
  }
}

async function add({ store }: Parts, login: string, options: AddOptions): Promise<number> {
  if (!isLogin(login)) return refused(`"${login}" cannot be a login`);
  const identity = identityOf(login, options, systemAccount(login));
  if (typeof identity === 'string') return refused(identity);
  const secret = options.password ? await askPassword() : { password: null };
  if (typeof secret === 'string') return refused(secret);
  const ports = { randomBytes, now: systemClock.now() };
  const asked = { login, identity, isAdmin: options.admin === true, ...secret };
  const { record, key } = await makeUser(asked, ports);
  const keys = options.key === true ? record.keys : [];
  let isMade = false;
  await store.changeUser(record.id, (before) => {
    isMade = before === undefined;
    return isMade ? { ...record, keys, from: 'local' } : undefined;
  });
  if (!isMade) return refused(`there is a user ${login}`);
  tell(`${login} has an account, with uid ${identity.uid} and gid ${identity.gid}`);
  if (options.key === true) process.stdout.write(`${key}\n`);
  return 0;
}

async function edit({ store }: Parts, login: string, options: EditOptions): Promise<number> {
  const system = options.fromSystem === true ? systemAccount(login) : undefined;
  if (options.fromSystem === true && (system === undefined || system.uid === 0))
    return refused(`no system account that is not root is named ${login}`);
  const { admin, active } = options;
  let because: string | undefined;
  const after = await store.changeUser(userId(login), (before) => {
    if (before === undefined) return undefined;
    if (active !== undefined && before.from !== 'guest') because = `${login} is no guest`;
    if (hasIdentity(options) && !isLocal(before))
      because = `who ${login} is to the system is the word of ${before.from ?? 'a directory'}`;
    if (because !== undefined) return undefined;
    return {
      ...before,
      identity: { ...(system ?? before.identity), ...named(options) },
      ...(admin === undefined ? {} : { isAdmin: admin }),
      ...(active === undefined ? {} : { isActive: active }),
    };
  });
  if (because !== undefined) return refused(because);
  if (after === undefined) return refused(`there is no user ${login}`);
  tell(`${login} is changed`);
  return 0;
}

async function password({ store, config }: Parts, login: string): Promise<number> {
  const record = await store.user(userId(login));
  if (record === undefined) return refused(`there is no user ${login}`);
  if (record.from !== undefined && record.from !== 'local')
    return refused(`the password of ${login} is not kept here`);
  const secret = await askPassword();
  if (typeof secret === 'string') return refused(secret);
  const passwordHash = await hashPassword(secret.password);
  await store.changeUser(record.id, (user) => user && { ...user, passwordHash, from: 'local' });
  await createRevocations(store, systemClock).endAll(login, config.web.sessionMs);
  tell(`${login} has another password; its sessions are over`);
  return 0;
}

async function remove({ store }: Parts, login: string): Promise<number> {
  const id: UserId = userId(login);
  const { over: _over, ...live } = await store.counts(id);
  const count = Object.values(live).reduce((sum, one) => sum + one, 0);
  if (count > 0) return refused(`${login} has ${count} jobs that are not over`);
  if (!(await store.deleteUser(id))) return refused(`there is no user ${login}`);
  tell(`${login} is removed`);
  return 0;
}

async function list({ store }: Parts, { json }: ListOptions): Promise<number> {
  const users = await store.users();
  const told = users.map((user) => ({ ...rowOf(user), keys: user.keys.length }));
  process.stdout.write(
    json === true ? `${JSON.stringify(told, null, 2)}\n` : table(told, COLUMNS, 120),
  );
  return 0;
}

const rowOf = ({ id, identity, isAdmin, from, isActive, passwordHash }: UserRecord) => ({
  id,
  uid: identity.uid,
  gid: identity.gid,
  home: identity.home,
  admin: isAdmin,
  from: from ?? (passwordHash === null ? 'unknown' : 'local'),
  active: isActive !== false,
});

type Row = ReturnType<typeof rowOf> & { readonly keys: number };

const COLUMNS: readonly Column<Row>[] = [
  { title: 'USER', value: ({ id }) => id, widthMin: 8 },
  { title: 'UID', value: ({ uid }) => String(uid), isRight: true },
  { title: 'GID', value: ({ gid }) => String(gid), isRight: true },
  { title: 'ADMIN', value: ({ admin }) => (admin ? 'yes' : '-') },
  { title: 'FROM', value: ({ from, active }) => (active ? from : `${from}, waits`) },
  { title: 'KEYS', value: ({ keys }) => String(keys), isRight: true },
  { title: 'HOME', value: ({ home }) => home, widthMin: 8 },
];

const hasIdentity = (options: EditOptions): boolean =>
  options.fromSystem === true || Object.keys(named(options)).length > 0;

/** What the options say of an identity. */
const named = ({ uid, gid, home, email }: IdentityOptions): Partial<Identity> => ({
  ...(uid === undefined ? {} : { uid }),
  ...(gid === undefined ? {} : { gid }),
  ...(home === undefined ? {} : { home }),
  ...(email === undefined ? {} : { email: email === '' ? null : email }),
});

/** An identity, or why there is none. */
function identityOf(
  login: string,
  options: IdentityOptions,
  system: Identity | undefined,
): Identity | string {
  if (system?.uid === 0 && options.uid === undefined) return 'nobody runs jobs as root';
  if (system !== undefined) return { ...system, ...named(options) };
  const { uid, gid, home = '', email } = options;
  if (uid === undefined || gid === undefined)
    return `no system account is named ${login}: name --uid and --gid`;
  return { uid, gid, sgids: [], home, email: email === undefined || email === '' ? null : email };
}

/** A password, or what is wrong with it. */
async function askPassword(): Promise<{ readonly password: string } | string> {
  const terminal = processTerminal();
  if (!terminal.canAsk) {
    const input = (await terminal.readInput(PASSWORD_INPUT_BYTES_MAX)).toString('utf8');
    return checked(input.split('\n', 1)[0] ?? '');
  }
  const first = (await terminal.ask('New password: ', { hidden: true })) ?? '';
  const second = (await terminal.ask('Once more: ', { hidden: true })) ?? '';
  return first === second ? checked(first) : 'the two are not the same';
}

function checked(password: string): { readonly password: string } | string {
  const trouble = passwordTrouble(password);
  return trouble === undefined ? { password } : `a password ${trouble}`;
}

function refused(because: string): number {
  tell(because);
  return NO_USER;
}

const tell = (text: string): boolean => process.stderr.write(`godocker: ${text}\n`);
