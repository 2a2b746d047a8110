/** Which page the address names: `#/jobs`, `#/jobs/over`, `#/jobs/12`, `#/submit`, `#/submit/12` (a copy of job 12). */
import { useEffect, useState } from 'preact/hooks';

export type Route =
  | { readonly page: 'jobs'; readonly list: 'active' | 'over' }
  | { readonly page: 'job'; readonly id: number }
  | { readonly page: 'submit'; readonly copyOf: number | null };

export function readRoute(hash: string): Route {
  const [, page, rest] = /^#\/(\w+)(?:\/(\w+))?$/.exec(hash) ?? [];
  const id = /^[1-9]\d{0,14}$/.test(rest ?? '') ? Number(rest) : null;
  if (page === 'submit') return { page: 'submit', copyOf: id };
  if (page === 'jobs' && id !== null) return { page: 'job', id };
  return { page: 'jobs', list: page === 'jobs' && rest === 'over' ? 'over' : 'active' };
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return readRoute(hash);
}
