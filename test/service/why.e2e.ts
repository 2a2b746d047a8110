// Why a job waits, on real processes: a web server asks a scheduler of another process through the store.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation } from '../support/processes.js';
import { waitFor } from '../support/waiting.js';

interface Why {
  readonly primary: string;
  readonly reason: string | null;
  readonly position: { readonly from: number | null; readonly of: number } | null;
  readonly estimate: { readonly kind: string; readonly date?: number } | null;
}

t.setTimeout(240_000);

t.test('position, reason and estimate reach a web server in another process', async (t) => {
  const folder = temporaryFolder(t, 'why');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o711 });
  const installation = new Installation(t, { home, mesosPort: await freePort() });
  const web = await installation.web();
  await installation.scheduler();
  await installation.node(['--tasks', 'process', '--agents', '1', '--cpus', '1', '--mem', '4000']);

  const go = join(folder, 'go');
  const submit = async (command: string): Promise<number> => {
    const script = `#!/bin/sh\n${command}\n`;
    const document = await web.client.document(script, { cpu: 1, maxlifespan: '120s' });
    const { status, text } = await web.client.call('POST', '/api/1.0/task', document);
    t.equal(status, 200, text);
    return (JSON.parse(text) as { readonly id: number }).id;
  };
  const why = async (id: number): Promise<Why> =>
    (await web.client.get(`/api/1.0/task/${id}/why`)) as Why;

  const first = await submit(`while [ ! -e ${go} ]; do sleep 0.1; done`);
  await waitFor('the first job runs', 60_000, async () => (await why(first)).primary === 'running');
  const [second, third] = [await submit('sleep 1'), await submit('sleep 1')];

  let told: Why | undefined;
  await waitFor('a start is told', 60_000, async () => {
    told = await why(third);
    return told.estimate?.kind === 'about';
  });
  t.match(told?.position, { from: 2, of: 2 });
  t.match(told?.reason, /^Not enough resources available: 1 agent/);
  const { compared } = (await web.client.get(`/api/1.0/task/${third}/why?other=${second}`)) as {
    readonly compared: object;
  };
  t.match(compared, { first: second, because: [{ code: 'same-account' }] });

  writeFileSync(go, '');
  await web.client.allOver([first, second, third], 120_000);
  const over = await why(third);
  t.match(over, { primary: 'over', position: null, estimate: null });
  const { status } = await web.client.job(third);
  const started = (status as { readonly date_running?: number }).date_running ?? 0;
  // By lifespans, which are upper bounds: it starts no later than was told, give or take a few seconds.
  t.ok(started <= (told?.estimate?.date ?? 0) + 5, `${started} by ${told?.estimate?.date}`);
});
