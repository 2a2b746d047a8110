/** Serves the built pages under /app/. Names with a hash are kept by browsers for good, the rest is asked for again. */
import { readFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import type { Handler } from './context.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
};
const HASHED = /-[\w-]{8,}\.\w+$/;

export function pages(folder: string, prefix: string): Handler {
  const root = resolve(folder);
  return async (context, next) => {
    const { path, method } = context;
    if (method !== 'GET' && method !== 'HEAD') return next();
    if (path === '/' || path === '/app') {
      context.redirect(`${prefix}/app/`);
      return;
    }
    if (!path.startsWith('/app/')) return next();
    const asked = decodeURIComponent(path.slice('/app/'.length));
    const name = asked === '' ? 'index.html' : asked;
    const type = TYPES[extname(name)];
    const file = join(root, name);
    if (type === undefined || name.includes('\0') || !file.startsWith(`${root}/`)) return next();
    const content = await read(file);
    if (content === undefined) return next();
    context.set(
      'Cache-Control',
      HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
    );
    context.body = content;
    context.set('Content-Type', type);
  };
}

async function read(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
