// `god` as users run it, a process of its own, against the real service.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { projectFile } from '../support/project.js';
import { startService } from '../support/service.js';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Starts `god`; `during` sees the process while it runs. */
function god(
  place: Place,
  words: readonly string[],
  during?: (child: ChildProcess, out: string) => void,
) {
  return new Promise<Ended>((resolve, reject) => {
    const child = spawn(process.execPath, [projectFile('dist/bin/god.js'), ...words], {
      ...place,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
      during?.(child, out);
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** A project folder whose service runs, and an environment in which nobody is logged in. */
async function setUp(t: Test) {
  const folder = t.testdir({ project: { '.godocker': {} }, elsewhere: {}, home: {} });
  const home = join(folder, 'project', '.godocker');
  const service = await startService(t, { home });
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: join(folder, 'home') };
  return { folder, service, env, project: { cwd: join(folder, 'project'), env } };
}

t.test('god and the real service', async (t) => {
  const { folder, service, env, project } = await setUp(t);

  t.test('runs a command in the project folder without any login', async (t) => {
    const { code, out, err } = await god(project, ['run', '--', 'echo', 'hello', 'a  b', "it's"]);
    t.same([code, out], [0, "hello a  b it's\n"]);
    t.match(err, /the image is not used/);
  });

  t.test('a job array from its submission to the retry of what failed', async (t) => {
    writeFileSync(join(project.cwd, 'member.sh'), '#!/bin/sh\nexit $((GODOCKER_TASK_ID % 2))\n');
    const words = ['submit', '--cpu', '0.1', '--ram', '0.1', '-a', '1:4%3', 'member.sh'];
    const submitted = await god(project, words);
    const id = Number(submitted.out);
    t.equal(submitted.code, 0, submitted.err);
    const waited = await god(project, ['wait', String(id)]);
    t.equal(waited.code, 1, 'the greatest code of its members');
    const shown = await god(project, ['show', String(id)]);
    t.match(shown.out, /^Array: +4 members \(1:4\): 4 over, 2 failed; at most 3 at a time$/m);
    t.match(shown.out, /^Reason: +2 of 4 members of the array did not end with code 0$/m);
    const one = await god(project, ['show', String(id + 3)]);
    t.match(one.out, new RegExp(`^Member: +index 3 of array ${id}$`, 'm'));
    const listed = await god(project, ['members', String(id), '--start', '1', '-n', '2']);
    t.match(listed.out, /member\.sh\[2\] +over .*exit 0\n.*member\.sh\[3\] +over .*exit 1/);
    t.notMatch(listed.out, /\[1\]|\[4\]/);
    const machine = await god(project, ['members', String(id), '--state', 'over', '--json']);
    t.equal(JSON.parse(machine.out).length, 4);
    const again = await god(project, ['retry-failed', String(id)]);
    t.equal(again.code, 0, again.err);
    const retried = await god(project, ['show', again.out.trim()]);
    t.match(retried.out, /2 members \(1,3\)/);
    t.equal((await god(project, ['wait', again.out.trim()])).code, 1);
    const none = await god(project, ['members', String(id + 1)]);
    t.match([none.code === 0, none.err], [false, /is not the parent of an array/]);
    const wrong = await god(project, ['submit', '--array', '5:1', 'member.sh']);
    t.match(
      [wrong.code === 0, wrong.err],
      [false, /requirements\.array\.values ends before it begins/],
    );
    const followed = await god(project, ['run', '-q', '--array', '2:4:2', 'member.sh']);
    t.same([followed.code, followed.out], [0, '']);
  });

  t.test('keeps outputs apart and passes the code on', async (t) => {
    writeFileSync(join(project.cwd, 'job.sh'), '#!/bin/bash\necho out; echo err >&2; exit 42\n');
    const { code, out, err } = await god(project, ['run', '-q', '--cpu', '0.5', 'job.sh']);
    t.same([code, out], [42, 'out\n']);
    t.match(err, /^err$/m);
  });

  t.test('a rule launches again; each launch is shown, and its output kept', async (t) => {
    const script = [
      'echo "try $(ls god.exit-* 2>/dev/null | wc -l)"',
      'case $(ls god.exit-* 2>/dev/null | wc -l) in 0) exit 75;; 1) exit 101;; esac',
      'echo done',
    ].join('\n');
    writeFileSync(join(project.cwd, 'flaky.sh'), `#!/bin/sh\n${script}\n`);
    const rules = ['--retry-on', '75:1', '--retry-on', '100-110:1:1s'];
    const { code, out, err } = await god(project, ['run', ...rules, 'flaky.sh']);
    t.same([code, out], [0, 'try 0\ntry 1\ntry 2\ndone\n']);
    t.match(err, /is launched again after exit 75/);
    t.match(err, /is launched again after exit 101/);
    const [, id = ''] = /job (\d+) submitted/.exec(err) ?? [];
    const shown = await god(project, ['show', id]);
    t.match(shown.out, /Launches: +3 so far; 1: exit 75 .*; 2: exit 101/);
    const kept = await god(project, ['get', id, 'god.log-1', '-']);
    t.equal(kept.out, 'try 0\n');

    const used = await god(project, ['run', '-q', '--retry-on', '7:1', '--', 'sh', '-c', 'exit 7']);
    t.equal(used.code, 7, 'the last code');
    const refused = await god(project, ['run', '--retry-on', '7:99', '--', 'true']);
    t.match(refused.err, /requirements\.retry asks for 99 launches .* this site grants 10/);
  });

  t.test('shows the log while the job writes it', async (t) => {
    const seen: string[] = [];
    const script = 'for i in 1 2 3; do echo $i; sleep 0.4; done';
    await god(project, ['run', '--', 'sh', '-c', script], (_, out) => seen.push(out));
    t.same(seen.at(-1), '1\n2\n3\n');
    t.ok(seen.length >= 3, `in ${seen.length} pieces, as it was written`);
  });

  t.test('a large log arrives whole', async (t) => {
    const { out } = await god(project, ['run', '-q', '--', 'seq', '1', '300000']);
    t.equal(out.length, 1_988_895);
    t.ok(out.endsWith('\n299999\n300000\n'));
  });

  t.test('SIGINT kills the job, as it would kill a local command', async (t) => {
    const words = ['run', '--', 'sh', '-c', 'echo up; sleep 100'];
    const { code, err } = await god(project, words, (child) => child.kill('SIGINT'));
    t.equal(code, 137);
    const id = /job (\d+) submitted/.exec(err)?.[1] ?? '';
    const { out } = await god(project, ['show', '--json', id]);
    t.match(JSON.parse(out).status, { primary: 'over', secondary: 'killed' });
  });

  t.test('submit, list, kill, wait, files, get', async (t) => {
    const { out: id } = await god(project, ['submit', '--name', 'slow', '--', 'sleep', '100']);
    t.match((await god(project, ['list'])).out, / slow +(pending|launching|running) /);
    t.equal((await god(project, ['wait', id.trim(), '--timeout', '0.2'])).code, 124);
    t.equal((await god(project, ['kill', id.trim()])).code, 0);
    t.equal((await god(project, ['wait', id.trim()])).code, 137);
    const { out: done } = await god(project, ['submit', '--', 'sh', '-c', 'mkdir d; seq 9 > d/n']);
    t.equal((await god(project, ['wait', done.trim()])).code, 0);
    t.match((await god(project, ['files', done.trim()])).out, /^ +- {2}d\/$/m);
    t.equal((await god(project, ['get', done.trim(), 'd/n'])).code, 0);
    t.equal(readFileSync(join(project.cwd, 'n'), 'utf8'), '1\n2\n3\n4\n5\n6\n7\n8\n9\n');
  });

  t.test('refusals name the field', async (t) => {
    const cases: [string[], RegExp][] = [
      [['--cpu', '4000'], /requirements.cpu: no agent could ever run this/],
      [['--image', 'nosuch'], /container.image: no image "nosuch"/],
      [['--volume', 'nosuch'], /volumes\[0\].name: "nosuch": no such volume/],
      [['--label', 'x'], /requirements.label: "x" is not name==value/],
    ];
    for (const [options, said] of cases) {
      const { code, err } = await god(project, ['submit', ...options, '--', 'true']);
      t.equal(code, 65);
      t.match(err, said);
    }
  });

  t.test('elsewhere a login is needed, and kept for its owner only', async (t) => {
    const elsewhere = { cwd: join(folder, 'elsewhere'), env };
    t.equal((await god(elsewhere, ['list'])).code, 77);
    const { user, apikey } = service.admin;
    const login = ['login', '--server', service.url, '--user', user, '--apikey'];
    t.equal((await god(elsewhere, [...login, 'wrong'])).code, 77);
    t.equal((await god(elsewhere, [...login, apikey])).code, 0);
    t.equal(statSync(join(folder, 'home/.config/godocker/credentials.json')).mode & 0o777, 0o600);
    t.same((await god(elsewhere, ['run', '-q', '--', 'pwd'])).code, 0);
    t.equal((await god(elsewhere, ['logout'])).code, 0);
  });

  t.test('a reader that goes away ends it quietly', async (t) => {
    const { code, err } = await god(project, ['run', '-q', '--', 'seq', '1', '200000'], (child) =>
      child.stdout?.destroy(),
    );
    t.equal(code, 141);
    t.notMatch(err, /internal error/);
  });
});

t.test('a running god goes on over a crash and restart of the service', async (t) => {
  const folder = t.testdir({ '.godocker': {} });
  mkdirSync(join(folder, 'home'));
  const place = { cwd: folder, env: { PATH: process.env.PATH, HOME: join(folder, 'home') } };
  const home = join(folder, '.godocker');
  const first = await startService(t, { home });
  const port = new URL(first.url).port;
  let isCrashed = false;
  const restarted: Promise<unknown>[] = [];
  const { code, out, err } = await god(
    place,
    ['run', '--', 'sh', '-c', 'echo before; sleep 6; echo after; exit 5'],
    () => {
      if (isCrashed) return;
      isCrashed = true;
      const again = first
        .kill9()
        .then(() => startService(t, { home, env: { GODOCKER_PORT: port } }));
      restarted.push(again);
    },
  );
  await Promise.all(restarted);
  t.same([code, out], [5, 'before\nafter\n']);
  t.match(err, /the job is not affected/);
});
