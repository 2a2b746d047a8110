// F19: a scheduler policy of the site's own throws or gives nonsense: jobs go on all the same. One that cannot even be made refuses
// the start, by name.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation } from '../support/processes.js';
import { waitFor } from '../support/waiting.js';
import { judge } from './judge.js';
import { lasting, Site } from './site.js';

const JOBS = 6;

/** What `create` answers. */
const POLICIES: Readonly<Record<string, string>> = {
  'throws-at-begin': `{ begin() { throw new Error('no beginning'); } }`,
  'throws-at-score': `{ begin: () => ({ score() { throw new Error('no score'); }, charged() {} }) }`,
  'scores-nothing': '{ begin: () => ({ score: () => Number.NaN, charged() {} }) }',
};

const REFUSED: Readonly<Record<string, string>> = {
  'no-default': 'export const nothing = 0;',
  'throws-on-load': `throw new Error('cannot load');`,
  'throws-on-create': plugin('throws-on-create', `(() => { throw new Error('cannot create'); })()`),
};

function plugin(name: string, made: string): string {
  return `export default { kind: 'scheduler', name: '${name}', options: () => ({}), create: () => (${made}) };\n`;
}

export async function badPlugins(t: Test): Promise<void> {
  const folder = temporaryFolder(t, 'f19');
  for (const [name, made] of Object.entries(POLICIES))
    writeFileSync(
      join(folder, `scheduler-${name}.js`),
      plugin(name, `{ name: '${name}', ...${made} }`),
    );
  for (const [name, text] of Object.entries(REFUSED))
    writeFileSync(join(folder, `scheduler-${name}.js`), text);
  // What is below is no plugin of this kind.
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of Object.keys(POLICIES)) await oneThatFails(t, folder, name);
  for (const name of Object.keys(REFUSED)) await oneThatIsRefused(t, folder, name);
}

const environmentOf = (folder: string, name: string): NodeJS.ProcessEnv => ({
  GODOCKER_PLUGINS_DIR: folder,
  GODOCKER_SCHEDULER_POLICY: name,
});

async function oneThatFails(t: Test, folder: string, name: string): Promise<void> {
  const site = await Site.start(t, 'f19-site', { environment: environmentOf(folder, name) });
  const { pid } = (await site.leader()).process;
  const jobs = await site.over(await site.submit(JOBS, lasting(0.1, 3)), 3);
  // The leader tells the web server through the store, now and then; told as long as cycles fail.
  const waiting = await site.submit(1, lasting(0.1), 4_000).catch(() => []);
  t.same(waiting, [], 'what fits nowhere is refused as ever');
  const told = await waitFor('readiness says so', 20_000, async () => {
    const answer = await fetch(`${site.web.url}/readyz`);
    return answer.status === 503 ? answer.text() : undefined;
  });
  t.match(told, new RegExp(`scheduler policy ${name} fails`));
  t.equal((await site.leader()).process.pid, pid, 'the scheduler lives');
  judge(t, { fault: `F19 policy ${name}`, tried: JOBS, file: site.launchLog, jobs });
}

async function oneThatIsRefused(t: Test, folder: string, name: string): Promise<void> {
  const home = join(temporaryFolder(t, 'f19-home'), 'home');
  mkdirSync(home, { mode: 0o711 });
  const environment = environmentOf(folder, name);
  const installation = new Installation(t, { home, mesosPort: await freePort(), environment });
  const refusal = await installation.scheduler().then(
    () => 'it started',
    (error: Error) => error.message,
  );
  t.match(refusal, new RegExp(`it ended[^]*scheduler-${name}`), 'refused by name');
}
