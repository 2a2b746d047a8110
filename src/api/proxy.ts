/** People whom a proxy of the site has signed in already; and guests, whom nobody knows but the proxy. */
import { BlockList, isIP } from 'node:net';
import type { Person } from '../contracts/auth.js';
import type { AccountsConfig } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import type { Identity } from '../core/job.js';
import { isLogin } from '../core/login.js';
import { PRIO_USUAL } from '../core/policy.js';
import { userId } from '../core/units.js';
import type { Context } from './context.js';
import type { ApiDeps } from './deps.js';

/** Where jobs of guests run as, worked out by the composition root. */
export type GuestIdentity = (login: string) => Identity;

/**
 * The login in the proxy's header; undefined: there is none. The connection itself must come from the proxy: what headers say
 * of addresses is anybody's word.
 */
export function loginFromProxy(
  context: Context,
  proxy: AccountsConfig['proxy'],
): string | undefined {
  if (proxy === null) return undefined;
  const peer = context.req.socket.remoteAddress ?? '';
  const login = context.get(proxy.header);
  return login !== '' && isAmong(peer, proxy.addresses) ? login : undefined;
}

/** Whether an address is one of these, or in one of these networks. */
export function isAmong(address: string, networks: readonly string[]): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const family = isIP(plain);
  if (family === 0) return false;
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', bits] = network.split('/');
    const kind = isIP(base) === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(base, kind);
    else list.addSubnet(base, Number(bits), kind);
  }
  return list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

/**
 * The person whom the proxy names. Nobody's name becomes a guest, who waits until an administrator lets them in.
 * @throws ServiceError `bad-credentials`, `forbidden`
 */
export async function personOfProxy(
  {
    auth,
    store,
    clock,
    guestIdentity,
  }: Pick<ApiDeps, 'auth' | 'store' | 'clock' | 'guestIdentity'>,
  login: string,
): Promise<Person> {
  if (!isLogin(login))
    throw new ServiceError('bad-credentials', 'the name that the proxy gave cannot be a login');
  const known = await auth.user(login);
  if (known !== undefined) return known;
  if (guestIdentity === null)
    throw new ServiceError('bad-credentials', 'whom the proxy names has no account here');
  const now = clock.now();
  const record = await store.changeUser(userId(login), (before) =>
    before === undefined
      ? {
          id: userId(login),
          identity: guestIdentity(login),
          isAdmin: false,
          passwordHash: null,
          keys: [],
          sshPublicKey: '',
          prio: PRIO_USUAL,
          quotas: { time: 0, cpu: 0, ram: 0 },
          createdAt: now,
          from: 'guest',
          isActive: false,
        }
      : undefined,
  );
  if (record?.from === 'guest' && record.isActive === false)
    throw new ServiceError('forbidden', 'an administrator has to let you in first');
  // Somebody who has left the directory, for example.
  throw new ServiceError('bad-credentials', 'whom the proxy names has no account here');
}
