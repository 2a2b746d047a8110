// Jobs that leave a mark each time they really run, and end with a code of their own: what was lost or doubled can be counted afterwards.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Web } from './processes.js';
import type { JobRequest } from './rest.js';
import { waitFor } from './waiting.js';

/** What the `n`-th ends with. */
export const codeOf = (n: number): number => n % 5;

/** `marks`: a directory that jobs may write to. */
export const markedScript = (marks: string, n: number, seconds = 0.1): string =>
  `#!/bin/sh\necho run >> ${marks}/ran.$GODOCKER_JID\nsleep ${seconds}\nexit ${codeOf(n)}\n`;

/** How often that job ran. */
export function runsOf(marks: string, id: number): number {
  const file = join(marks, `ran.${id}`);
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0;
}

/** Submits under a key until it is taken by one of the web servers, as a careful client does. Its id. */
export function submittedSurely(
  webs: readonly Web[],
  n: number,
  { script, request }: { readonly script: string; readonly request: JobRequest },
): Promise<number> {
  return waitFor(
    `submission ${n} is taken`,
    120_000,
    async () => {
      const web = webs[Math.floor(Math.random() * webs.length)];
      if (web === undefined) return undefined;
      try {
        const document = await web.client.document(script, request);
        const answer = await web.client.call('POST', '/api/1.0/task', document, {
          'idempotency-key': `load-${n}`,
        });
        if (answer.status !== 200) return undefined;
        return (JSON.parse(answer.text) as { readonly id: number }).id;
      } catch {
        // It was killed with our call under way: the key makes it one job all the same.
        return undefined;
      }
    },
    100,
  );
}
