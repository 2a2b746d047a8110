/** Who is signed in. Lives as long as the tab, and is sent in a header only, so no other site can use it. */

export interface Session {
  readonly user: string;
  readonly token: string;
}

const SLOT = 'godocker.session';

export function loadSession(): Session | null {
  const kept: unknown = JSON.parse(sessionStorage.getItem(SLOT) ?? 'null');
  return isSession(kept) ? kept : null;
}

export function keepSession(session: Session): void {
  sessionStorage.setItem(SLOT, JSON.stringify({ user: session.user, token: session.token }));
}

export function dropSession(): void {
  sessionStorage.removeItem(SLOT);
}

export type SignInLink =
  | { readonly kind: 'token'; readonly user: string; readonly token: string }
  | { readonly kind: 'apikey'; readonly user: string; readonly apikey: string };

/**
 * The secret of a sign-in link: `#token=…` or `#user=…&key=…`. Taken out of the address at once, history included:
 * what stands there gets into screenshots, bookmarks and shared screens.
 */
export function takeSignInLink(): SignInLink | null {
  const link = readSignInLink(location.hash);
  if (link !== null) history.replaceState(null, '', `${location.pathname}${location.search}#/jobs`);
  return link;
}

export function readSignInLink(hash: string): SignInLink | null {
  if (hash.startsWith('#/')) return null;
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const [token, apikey, user] = [fields.get('token'), fields.get('key'), fields.get('user')];
  if (token) return { kind: 'token', user: user ?? loginOf(token), token };
  return user && apikey ? { kind: 'apikey', user, apikey } : null;
}

/** The login a token was made out to. Only shown: the server checks the token itself. */
function loginOf(token: string): string {
  try {
    const middle = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(middle), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims === 'object' && claims !== null && 'sub' in claims) return String(claims.sub);
  } catch {
    // Not one of our tokens: the first request will be refused and the sign-in page says so.
  }
  return '';
}

function isSession(value: unknown): value is Session {
  if (typeof value !== 'object' || value === null) return false;
  const { user, token } = value as Partial<Record<'user' | 'token', unknown>>;
  return typeof user === 'string' && typeof token === 'string';
}
