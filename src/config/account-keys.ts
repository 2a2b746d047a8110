/** Keys of accounts: who administers, who gets in beside the authentication plugin, how often one may guess. */
import { BlockList, isIP } from 'node:net';
import type { AccountsConfig } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';
import { duration, flag, integer, optional, words } from './keys.js';
import type { Values } from './schema.js';

const FAILURES_MAX = 1_000_000;

export const ACCOUNTS = {
  admins: words([], 'Logins that are administrators, besides those whose account says so.'),
  'login_failures.login': integer(
    20,
    { min: 1, max: FAILURES_MAX },
    'Failed sign-ins with one login, within the window, after which it has to wait.',
  ),
  'login_failures.address': integer(
    100,
    { min: 1, max: FAILURES_MAX },
    'The same of one address; behind a proxy it takes `behind_proxy: true` to know addresses.',
  ),
  'login_failures.window': duration(300_000, 'The window.'),
  'auth.proxy_header': optional(
    'none',
    'Header in which a proxy that has signed people in names them, as `X-Remote-User`. It must drop what clients send under that name.',
  ),
  'auth.proxy_addresses': words(
    ['127.0.0.1', '::1'],
    'Addresses, or networks as `10.0.0.0/8`, whose word in that header counts.',
  ),
  allow_proxy_remote_user: flag(false, 'The same as `auth.proxy_header: X-Remote-User`.'),
  guest_allow: flag(
    false,
    'Whom the proxy names and nobody knows becomes a guest, once an administrator lets them in.',
  ),
  guest_bind: optional('needed by `guest_allow`', 'System account that the jobs of guests run as.'),
  guest_allow_root: flag(false, 'Guests may run jobs as root, where the site lets anybody.'),
  guest_home_root: optional(
    'none',
    'Where homes of guests are: a directory that has one for each login, or `default`: that of `guest_bind`.',
  ),
};

export const accountsOf = (values: Values): AccountsConfig => {
  const header =
    values['auth.proxy_header'] ?? (values.allow_proxy_remote_user ? 'X-Remote-User' : null);
  return {
    admins: values.admins,
    loginRules: {
      perLogin: values['login_failures.login'],
      perAddress: values['login_failures.address'],
      windowMs: values['login_failures.window'],
    },
    proxy: header === null ? null : { header, addresses: values['auth.proxy_addresses'] },
    guests:
      values.guest_allow && values.guest_bind !== null
        ? {
            account: values.guest_bind,
            isRootAllowed: values.guest_allow_root,
            homeRoot: values.guest_home_root,
          }
        : null,
  };
};

export function checkAccounts(values: Values, reader: Reader): void {
  const header = values['auth.proxy_header'];
  if (header !== null && !/^[A-Za-z][\w-]*$/.test(header))
    reader.problem('auth.proxy_header', header, 'the name of a header, as in X-Remote-User');
  for (const address of values['auth.proxy_addresses'])
    if (!isNetwork(address))
      reader.problem('auth.proxy_addresses', address, 'addresses, or networks as in 10.0.0.0/8');
  if (values['login_failures.window'] < 1_000)
    reader.problem('login_failures.window', '0s', 'at least a second');
  const { guest_allow, guest_bind, guest_home_root } = values;
  if (guest_allow && guest_bind === null)
    reader.problem('guest_bind', undefined, 'a system account, because of guest_allow');
  if (guest_allow && header === null && !values.allow_proxy_remote_user)
    reader.problem('guest_allow', true, 'auth.proxy_header, or nobody could be a guest');
  if (guest_home_root !== null && guest_home_root !== 'default' && !guest_home_root.startsWith('/'))
    reader.problem('guest_home_root', guest_home_root, 'an absolute path, or default');
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  if (bits === undefined) return true;
  if (!/^\d{1,3}$/.test(bits)) return false;
  try {
    new BlockList().addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    // More bits than such an address has.
    return false;
  }
}
