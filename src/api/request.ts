/** What happens to every request before its route: a clean path, and headers that keep browsers careful. */
import type { Config } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import type { Handler } from './context.js';

/** Pages load nothing but their own files, and nobody frames them. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function securityHeaders(config: Config): Handler {
  return async (context, next) => {
    context.set('X-Content-Type-Options', 'nosniff');
    context.set('X-Frame-Options', 'DENY');
    context.set('Referrer-Policy', 'no-referrer');
    context.set('Cross-Origin-Resource-Policy', 'same-origin');
    context.set('Cross-Origin-Opener-Policy', 'same-origin');
    context.set(
      'Permissions-Policy',
      'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    );
    context.set('Content-Security-Policy', PAGE_POLICY);
    // Behind a proxy it is the proxy that knows.
    if (config.web.tls !== null || context.secure)
      context.set('Strict-Transport-Security', 'max-age=31536000');
    if (context.path.includes('/api/')) context.set('Cache-Control', 'no-store');
    await next();
  };
}

/** Takes the prefix off, joins slashes that a base URL with a slash at its end doubles, and checks the escapes. */
export function cleanPath(prefix: string): Handler {
  return async (context, next) => {
    let path = context.path.replace(/\/{2,}/g, '/');
    if (prefix !== '' && (path === prefix || path.startsWith(`${prefix}/`)))
      path = path.slice(prefix.length) || '/';
    try {
      decodeURIComponent(path);
    } catch (cause) {
      throw new ServiceError(
        'bad-path',
        'the path has a broken %-escape',
        { field: 'path' },
        { cause },
      );
    }
    if (path !== context.path) context.path = path;
    await next();
  };
}
