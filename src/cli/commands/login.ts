import { Client } from '../client.js';
import { type CommonOptions, type Context, printJson, tell } from '../context.js';
import {
  forgetLogin,
  isPlainOverNetwork,
  type Login,
  savedLogin,
  saveLogin,
  serverUrl,
} from '../credentials.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { isRecord } from '../wire.js';
import { keyOfThisMachine } from './key.js';

export interface LoginOptions extends CommonOptions {
  readonly server?: string;
  readonly user?: string;
  /** The key, or `-` to read it from standard input. */
  readonly apikey?: string;
}

const SECRET_BYTES_MAX = 4_096;

/** Checks a login with the server and keeps it: an API key, or one of this machine's own that the password opens the way to. */
export async function login(context: Context, options: LoginOptions): Promise<number> {
  const server = serverUrl(options.server ?? (await need(context, 'Server', '--server')));
  const user = options.user ?? (await need(context, 'User', '--user'));
  if (isPlainOverNetwork(server))
    tell(context, `${server} is not encrypted: others on the network can read the key`);
  const apikey = await keyOf(context, options);
  const found =
    apikey === null
      ? await withPassword(context, { server, user })
      : { server, user, secret: { kind: 'apikey' as const, apikey } };
  const client = new Client({ ...found, from: 'this login' }, (sentence) =>
    tell(context, sentence),
  );
  await client.json('GET', 'task/active');
  await revokeFormer(context);
  const file = saveLogin(context.terminal, found);
  if (options.json === true) await printJson(context, { server, user, file });
  else tell(context, `logged in to ${server} as ${user}; kept in ${file}`);
  return EXIT.ok;
}

/** Forgets the saved login of this machine. A key that the login made is revoked; one that was given stays valid. */
export async function logout(context: Context, options: CommonOptions): Promise<number> {
  await revokeFormer(context);
  const isForgotten = forgetLogin(context.terminal);
  if (options.json === true) await printJson(context, { forgotten: isForgotten });
  else tell(context, isForgotten ? 'the saved login is forgotten' : 'there was no saved login');
  return EXIT.ok;
}

async function need({ terminal }: Context, what: string, option: string): Promise<string> {
  if (!terminal.canAsk) throw new Failure(EXIT.usage, `${option} is missing`);
  const answer = (await terminal.ask(`${what}: `))?.trim();
  if (!answer) throw new Failure(EXIT.interrupted, 'no login was made');
  return answer;
}

async function keyOf({ terminal }: Context, options: LoginOptions): Promise<string | null> {
  if (options.apikey !== undefined && options.apikey !== '-') return options.apikey;
  if (options.apikey === '-')
    return (await terminal.readInput(SECRET_BYTES_MAX)).toString('utf8').trim();
  if (!terminal.canAsk)
    throw new Failure(
      EXIT.usage,
      '--apikey is missing ("--apikey -" reads it from standard input)',
    );
  const typed = await terminal.ask('API key (Enter to use a password): ', { hidden: true });
  if (typed === null) throw new Failure(EXIT.interrupted, 'no login was made');
  return typed.trim() === '' ? null : typed.trim();
}

async function withPassword(
  context: Context,
  { server, user }: { server: string; user: string },
): Promise<Omit<Login, 'from'>> {
  const password = await context.terminal.ask('Password: ', { hidden: true });
  if (password === null) throw new Failure(EXIT.interrupted, 'no login was made');
  const anonymous = new Client(
    { server, user, secret: { kind: 'token', token: '' }, from: 'this login' },
    (sentence) => tell(context, sentence),
  );
  const said = await anonymous.publicJson('POST', 'user/bind', { body: { uid: user, password } });
  if (isRecord(said) && typeof said.apikey === 'string')
    return { server, user, secret: { kind: 'apikey', apikey: said.apikey } };
  if (!isRecord(said) || typeof said.token !== 'string')
    throw new Failure(EXIT.protocol, 'the server answered a login without a token');
  const session = { kind: 'token' as const, token: said.token };
  // Who signs in with a mail address is called otherwise.
  const name = isRecord(said.user) && typeof said.user.id === 'string' ? said.user.id : user;
  const client = new Client(
    { server, user: name, secret: session, from: 'this login' },
    (sentence) => tell(context, sentence),
  );
  const key = await keyOfThisMachine(client, name);
  if (key === null) tell(context, 'this login ends with its session; one with an API key lasts');
  return { server, user: name, secret: key ?? session };
}

/** The key that the saved login made for itself is of no more use. */
async function revokeFormer(context: Context): Promise<void> {
  let former: Login | undefined;
  try {
    former = savedLogin(context.terminal);
  } catch {
    // A file that cannot be used has no key that we could name.
    return;
  }
  const secret = former?.secret;
  if (former === undefined || secret?.kind !== 'apikey' || secret.keyId === undefined) return;
  const client = new Client(former, (sentence) => tell(context, sentence));
  try {
    const path = `user/${encodeURIComponent(former.user)}/keys/${secret.keyId}`;
    await client.json('DELETE', path);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    tell(context, `the key of the former login may still be valid: ${error.message}`);
  }
}
