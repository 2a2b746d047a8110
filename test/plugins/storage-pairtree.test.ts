import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import pairtree, { pairtreePath } from '../../plugins/storage-pairtree/index.js';
import type { Host } from '../../src/contracts/plugin.js';
import type { FileStorage } from '../../src/contracts/storage.js';
import { jobId } from '../../src/core/units.js';

const IS_ROOT = process.getuid?.() === 0;
const identity = {
  uid: IS_ROOT ? 65_534 : (process.getuid?.() ?? 0),
  gid: IS_ROOT ? 65_534 : (process.getgid?.() ?? 0),
  sgids: [],
  home: '',
  email: null,
};

function open(t: { teardown(call: () => void): unknown }): { storage: FileStorage; root: string } {
  const root = mkdtempSync(join(tmpdir(), 'pairtree-'));
  chmodSync(root, 0o711);
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  return { storage: pairtree.create({ sharedDir: root }, {} as Host), root };
}

t.test('job ids are cut in pieces of two digits, as clients expect', async (t) => {
  t.equal(pairtreePath('/s', 72), '/s/tasks/pairtree_root/72/task');
  t.equal(pairtreePath('/s', 1234), '/s/tasks/pairtree_root/12/34/task');
  t.equal(pairtreePath('/s', 123), '/s/tasks/pairtree_root/12/3/task');
});

t.test(
  'a job directory belongs to its user alone, and holds the files that were put there',
  async (t) => {
    const { storage } = open(t);
    const files = [{ name: 'cmd.sh', content: 'echo hi\n', mode: 0o755 }];
    const directory = await storage.prepare({ id: jobId(12), launch: 1, identity, files });
    const stat = statSync(directory);
    t.same([stat.mode & 0o777, stat.uid], [0o700, identity.uid]);
    t.equal(readFileSync(join(directory, 'cmd.sh'), 'utf8'), 'echo hi\n');
    t.same(statSync(join(directory, 'cmd.sh')).mode & 0o777, 0o755);
  },
);

t.test('the directory of a member stands in that of its array, which stays ours', async (t) => {
  const { storage, root } = open(t);
  const files = [{ name: 'cmd.sh', content: 'echo hi\n', mode: 0o755 }];
  const inArray = { array: jobId(1234), name: '40' };
  const directory = await storage.prepare({ id: jobId(1238), launch: 1, inArray, identity, files });
  t.equal(directory, join(root, 'tasks/pairtree_root/12/34/task/40'));
  t.same([statSync(directory).mode & 0o777, statSync(directory).uid], [0o700, identity.uid]);
  const above = statSync(join(directory, '..'));
  t.same(
    [above.mode & 0o777, above.uid],
    [0o755, process.getuid?.()],
    'others may look, not touch',
  );
  const again = await storage.prepare({ id: jobId(1238), launch: 1, inArray, identity, files });
  t.equal(again, directory, 'harmless twice');
});

t.test('the output of a former launch is kept, whatever the job has put in its way', async (t) => {
  const { storage, root } = open(t);
  const order = (launch: number) => ({ id: jobId(8), launch, identity, files: [] });
  const directory = await storage.prepare(order(1));
  const path = (name: string) => join(directory, name);
  writeFileSync(path('god.log'), 'first');
  writeFileSync(path('god.err'), 'oops');
  await storage.prepare(order(2));
  await storage.prepare(order(2));
  t.equal(readFileSync(path('god.log-1'), 'utf8'), 'first');
  t.equal(readFileSync(path('god.err-1'), 'utf8'), 'oops');
  t.notOk(lstatSync(path('god.log'), { throwIfNoEntry: false }), 'the next one writes anew');
  await storage.prepare(order(3));
  t.notOk(lstatSync(path('god.log-2'), { throwIfNoEntry: false }), 'nothing of it ever ran');

  const precious = join(root, 'precious');
  writeFileSync(precious, 'untouched');
  symlinkSync(precious, path('god.log'));
  mkdirSync(path('god.err-3'));
  writeFileSync(path('god.err'), 'third');
  await storage.prepare(order(4));
  t.equal(readFileSync(precious, 'utf8'), 'untouched');
  t.ok(lstatSync(path('god.log-3')).isSymbolicLink(), 'a link is moved, not followed');
  t.equal(readFileSync(path('god.err'), 'utf8'), 'third', 'a directory in the way stays');
});

t.test(
  'a second launch gets its files anew; links that a job left are replaced, never followed',
  async (t) => {
    const { storage, root } = open(t);
    const order = {
      id: jobId(7),
      launch: 1,
      identity,
      files: [{ name: 'cmd.sh', content: 'new\n', mode: 0o755 }],
    };
    const directory = await storage.prepare(order);
    const precious = join(root, 'precious');
    writeFileSync(precious, 'untouched');
    for (const name of ['cmd.sh', '.cmd.sh.new']) {
      rmSync(join(directory, name), { force: true });
      symlinkSync(precious, join(directory, name));
    }
    await storage.prepare(order);
    t.equal(readFileSync(precious, 'utf8'), 'untouched');
    t.notOk(lstatSync(join(directory, 'cmd.sh')).isSymbolicLink());
    t.equal(readFileSync(join(directory, 'cmd.sh'), 'utf8'), 'new\n');
  },
);

t.test(
  'the exit file of a launch is read; links, large files and others’ launches are not',
  async (t) => {
    const { storage } = open(t);
    const directory = await storage.prepare({ id: jobId(9), launch: 1, identity, files: [] });
    t.equal(await storage.exitFile(directory, 1), undefined, 'not there yet');
    writeFileSync(join(directory, 'god.exit-1'), '3\n');
    t.equal(await storage.exitFile(directory, 1), '3\n');
    t.equal(await storage.exitFile(directory, 2), undefined, 'another launch');
    symlinkSync(join(directory, 'god.exit-1'), join(directory, 'god.exit-3'));
    t.equal(await storage.exitFile(directory, 3), undefined, 'a link');
    writeFileSync(join(directory, 'god.exit-4'), `${'0'.repeat(16)}\n`);
    t.equal(await storage.exitFile(directory, 4), undefined, 'too large');
    writeFileSync(join(directory, 'god.exit-5'), '1');
    t.equal(await storage.exitFile(directory, 5), undefined, 'not written to its end');
  },
);

t.test(
  'many directories are made side by side, and one that cannot be made fails alone',
  async (t) => {
    const { storage, root } = open(t);
    const many = Array.from({ length: 100 }, (_, n) => jobId(1_000 + n));
    mkdirSync(join(root, 'tasks', 'pairtree_root', '10'), { recursive: true });
    writeFileSync(join(root, 'tasks', 'pairtree_root', '10', '50'), 'in the way');
    const files = [{ name: 'cmd.sh', content: 'true\n', mode: 0o755 }];
    const made = await Promise.allSettled(
      many.map((id) => storage.prepare({ id, launch: 1, identity, files })),
    );
    const failed = made.flatMap((one, n) => (one.status === 'rejected' ? [many[n]] : []));
    t.same(failed, [1_050]);
    t.match((made[50] as PromiseRejectedResult).reason, { message: /ENOTDIR|EEXIST/ });
    t.equal((made[49] as PromiseFulfilledResult<string>).value, pairtreePath(root, 1_049));
  },
);
