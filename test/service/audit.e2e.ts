// Two web processes write the audit log at once and are killed between: the chain is whole, no act that was answered is missing, and every
// kind of meddling with the file is found by the command.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import t from 'tap';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation, type Web } from '../support/processes.js';
import { projectFile } from '../support/project.js';

const KILLS = 3;
const WRITERS = 4;
const ACTS_BEFORE_A_KILL = 25;

t.setTimeout(300_000);

function admin(home: string, ...args: readonly string[]) {
  const run = spawnSync(
    process.execPath,
    [projectFile('dist/bin/godocker.js'), 'admin', 'audit', ...args],
    {
      env: { ...process.env, GODOCKER_HOME: home },
      encoding: 'utf8',
      cwd: home,
      // A thousand entries and more.
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  return { code: run.status, out: run.stdout, said: run.stderr };
}

interface Line {
  readonly number: number;
  readonly act: string;
  readonly actor: string | null;
  readonly request_id: string | null;
}

const linesOf = (out: string): readonly Line[] =>
  out
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

t.test('two web processes at once, kill -9 between', async (t) => {
  const folder = temporaryFolder(t, 'audit');
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o711 });
  const installation = new Installation(t, { home, mesosPort: await freePort() });
  const webs: [Web, Web] = [await installation.web(), await installation.web()];
  const answered = new Set<string>();
  let acts = 0;
  let isOver = false;
  let failures = 0;

  const write = async (writer: number): Promise<void> => {
    while (!isOver) {
      const id = `act-${++acts}`;
      try {
        const { client } = webs[writer % 2] ?? webs[0];
        const headers = { 'X-Request-Id': id };
        const path = '/api/1.0/user/admin/quota';
        const { status } = await client.call('DELETE', path, undefined, headers);
        if (status === 200) answered.add(id);
        else failures++;
      } catch {
        // It was killed under us: the next one stands soon.
        failures++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, n) => write(n));
  for (let kill = 0; kill < KILLS; kill++) {
    const until = answered.size + ACTS_BEFORE_A_KILL;
    while (answered.size < until) await new Promise((resolve) => setTimeout(resolve, 20));
    await webs[kill % 2]?.process.kill9();
    webs[kill % 2] = await installation.web();
  }
  isOver = true;
  await Promise.all(writers);

  const read = admin(home, '--json');
  t.equal(read.code, 0, read.said);
  const lines = linesOf(read.out);
  t.strictSame(
    lines.map(({ number }) => number),
    lines.map((_, at) => at + 1),
    'numbers without a gap',
  );
  const told = new Set(lines.map((line) => line.request_id));
  t.strictSame(
    [...answered].filter((id) => !told.has(id)),
    [],
    'every act that was answered is told',
  );
  t.comment(`${answered.size} acts answered, ${failures} not, ${lines.length} entries`);
  const verified = admin(home, '--verify');
  t.equal(verified.code, 0, verified.said);
  t.match(verified.out, `whole: ${lines.length} entries, head ${lines.length}:`);

  await t.test('it is read by actor, act, subject and time, beside the service', async (t) => {
    t.equal(linesOf(admin(home, '--json', '--actor', 'nobody').out).length, 0);
    const made = linesOf(admin(home, '--json', '--act', 'user').out);
    t.match(made, [{ act: 'user.create', actor: 'system' }]);
    t.equal(linesOf(admin(home, '--json', '--subject', 'user:admin').out).length, lines.length);
    t.equal(linesOf(admin(home, '--json', '--since', '1h').out).length, lines.length);
    t.equal(linesOf(admin(home, '--json', '--until', '1h').out).length, 0);
    const [first = ''] = admin(home).out.split('\n');
    t.match(first, /^1 \d{4}-.*Z system user\.create done user:admin via=system \{/);
    t.equal(admin(home, '--since', 'yesterday').code, 64);
    t.equal(admin(home, '--noted', '7').code, 64);
    const { client } = webs[0];
    const page = (await client.get('/api/1.0/audit?limit=5&act=quota.reset')) as {
      readonly entries: readonly object[];
    };
    t.equal(page.entries.length, 5);
  });

  const head = admin(home, '--head').out.trim();
  for (const { process } of webs) await process.stop();
  await t.test('whoever meddles with the file is found', async (t) => {
    const middle = Math.floor(lines.length / 2);
    const meddle: Readonly<Record<string, readonly [sql: string, said: RegExp]>> = {
      'a name': [
        `UPDATE audit SET actor = 'eve', personal = json_set(personal, '$.actor.value', 'eve') WHERE seq = ${middle}`,
        new RegExp(`broken at entry ${middle}: a name or a fact`),
      ],
      'a column': [
        `UPDATE audit SET act = 'user.create' WHERE seq = ${middle}`,
        new RegExp(`broken at entry ${middle}: it cannot be read, or`),
      ],
      'an act': [
        `UPDATE audit SET act = 'x.y', entry = json_set(entry, '$.act', 'x.y') WHERE seq = ${middle}`,
        new RegExp(`broken at entry ${middle}: it is not what its hash says`),
      ],
      'an entry': [
        `DELETE FROM audit WHERE seq = ${middle}`,
        new RegExp(`broken at entry ${middle}: it is not there`),
      ],
    };
    for (const [what, [sql, said]] of Object.entries(meddle)) {
      const copy = temporaryFolder(t, 'meddled');
      copyFileSync(join(home, 'store.db'), join(copy, 'store.db'));
      const database = new Libsql(join(copy, 'store.db'));
      database.exec(sql);
      database.close();
      const { code, out } = admin(copy, '--verify');
      t.equal(code, 65, what);
      t.match(out, said);
    }
    const cut = temporaryFolder(t, 'cut');
    copyFileSync(join(home, 'store.db'), join(cut, 'store.db'));
    const database = new Libsql(join(cut, 'store.db'));
    database.exec(`DELETE FROM audit WHERE seq > ${middle}`);
    database.close();
    t.equal(admin(cut, '--verify').code, 0, 'cut at its end it is whole by itself');
    const noted = admin(cut, '--verify', '--noted', head);
    t.equal(noted.code, 65);
    t.match(noted.out, `broken at entry ${middle + 1}: it is not there`);
    t.equal(admin(home, '--verify', '--noted', head).code, 0);
  });
});
