/** Images that somebody may name: those of the site, then those of their own jobs. */
import type { Person } from '../contracts/auth.js';
import { PAGE_ITEMS_MAX } from '../contracts/limits.js';
import type { ApiDeps } from './deps.js';

export interface ImageUse {
  readonly url: string;
  /** How many of the newest jobs of that person name it. */
  readonly used: number;
}

/** The catalogue in its order, then others, the most used first. What others run is none of anybody's business. */
export async function imagesFor(
  { store, images, config }: Pick<ApiDeps, 'store' | 'images' | 'config'>,
  person: Person,
): Promise<readonly ImageUse[]> {
  const uses = new Map<string, number>();
  for (const { spec, parent } of await store.list({ owner: person.id, limit: PAGE_ITEMS_MAX }))
    if (parent === undefined) uses.set(spec.image, (uses.get(spec.image) ?? 0) + 1);
  const known = (await images()).map(({ url }) => ({ url, used: uses.get(url) ?? 0 }));
  if (!config.images.isAnyAllowed) return known;
  const inCatalogue = new Set(known.map(({ url }) => url));
  const others = [...uses]
    .filter(([url]) => !inCatalogue.has(url))
    .map(([url, used]) => ({ url, used }))
    .sort((a, b) => b.used - a.used || (a.url < b.url ? -1 : 1));
  return [...known, ...others];
}
