// Sizes of job directories, and their removal, on a real file system; whoever owns what is in them is hostile.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import pairtree from '../../plugins/storage-pairtree/index.js';
import { measured, removeDirectory } from '../../plugins/storage-pairtree/walk.js';
import type { Host } from '../../src/contracts/plugin.js';

const MANY = 1_000_000;
const KB = 1_024;

function aPlace(t: Test): { readonly directory: string; readonly outside: string } {
  const root = mkdtempSync(join(tmpdir(), 'sizes-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const [directory, outside] = [join(root, 'task'), join(root, 'outside')];
  mkdirSync(directory);
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), 'x'.repeat(512 * KB));
  return { directory, outside };
}
const size = (directory: string) => measured(directory, MANY, () => {});
/** What the system's own tool says. */
const du = (directory: string): number =>
  Number(execFileSync('du', ['-sx', '-B1', directory], { encoding: 'utf8' }).split('\t')[0]);

t.test('sizes are those that du tells', async (t) => {
  const { directory, outside } = aPlace(t);
  t.equal(size(directory).bytes, du(directory), 'empty');
  writeFileSync(join(directory, 'god.log'), 'x'.repeat(300 * KB));
  mkdirSync(join(directory, 'a/b/c'), { recursive: true });
  writeFileSync(join(directory, 'a/b/c/deep'), 'x'.repeat(70 * KB));
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/a/`), Buffer.from([0xff, 0xfe])]), 'odd');
  linkSync(join(directory, 'god.log'), join(directory, 'a/the-same'));
  writeFileSync(join(directory, 'sparse'), '');
  truncateSync(join(directory, 'sparse'), 1_000_000_000);
  symlinkSync(outside, join(directory, 'a/way-out'));
  symlinkSync(join(outside, 'precious'), join(directory, 'precious'));
  const found = size(directory);
  t.equal(found.bytes, du(directory));
  t.match(found, { isWhole: true, entries: 10 });
  t.ok(found.bytes < 512 * KB, 'neither the hole nor what links lead to');
  t.same(size(join(directory, 'none')), { bytes: 0, entries: 0, isWhole: true });
});

t.test('a bound ends the walk, and is said', async (t) => {
  const { directory } = aPlace(t);
  for (let n = 0; n < 30; n++) writeFileSync(join(directory, `f${n}`), 'x');
  t.match(
    measured(directory, 10, () => {}),
    { entries: 10, isWhole: false },
  );
  t.match(
    measured(directory, 30, () => {}),
    { entries: 30, isWhole: true },
  );
  let pauses = 0;
  mkdirSync(join(directory, 'more'));
  for (let n = 0; n < 600; n++) writeFileSync(join(directory, 'more', `f${n}`), '');
  measured(directory, MANY, () => {
    pauses += 1;
  });
  t.equal(pauses, 2);
});

t.test('a directory that is a link is none', async (t) => {
  const { directory, outside } = aPlace(t);
  const link = join(directory, 'link');
  symlinkSync(outside, link);
  t.throws(() => size(link), /ENOTDIR|ELOOP/);
  t.throws(() => removeDirectory(link), /ENOTDIR|ELOOP/);
  t.same(readdirSync(outside), ['precious']);
});

t.test('all of it goes, however deep, odd or closed, and nothing else', async (t) => {
  const { directory, outside } = aPlace(t);
  // One level below the other by relative steps: the whole path is longer than the system takes.
  execFileSync('sh', [
    '-c',
    'cd "$1"; i=0; while [ $i -lt 1500 ]; do mkdir dddd; cd dddd; echo x > f; i=$((i+1)); done',
    'sh',
    directory,
  ]);
  mkdirSync(join(directory, 'closed/inner'), { recursive: true });
  writeFileSync(join(directory, 'closed/inner/f'), 'x');
  chmodSync(join(directory, 'closed/inner'), 0o500);
  chmodSync(join(directory, 'closed'), 0o000);
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff])]), 'odd');
  symlinkSync(outside, join(directory, 'way-out'));
  symlinkSync('/nowhere', join(directory, 'broken'));
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  t.match(size(directory), { isWhole: process.getuid?.() === 0 });
  removeDirectory(directory);
  t.notOk(existsSync(directory));
  t.same(readdirSync(outside), ['precious']);
  removeDirectory(directory);
});

t.test('the plugin does it in a thread, and says what fails', async (t) => {
  const { directory, outside } = aPlace(t);
  const storage = pairtree.create({ sharedDir: directory }, {} as Host);
  writeFileSync(join(directory, 'f'), 'x'.repeat(40 * KB));
  const expected = du(directory);
  const bounds = { entriesMax: MANY };
  const answers = await Promise.all([1, 2, 3].map(() => storage.measure?.(directory, bounds)));
  for (const answer of answers) t.same(answer, { bytes: expected, entries: 1, isWhole: true });
  const asked = [directory, join(outside, 'precious'), directory];
  const together = await Promise.allSettled(asked.map((one) => storage.measure?.(one, bounds)));
  const statuses = together.map(({ status }) => status);
  t.same(statuses, ['fulfilled', 'rejected', 'fulfilled'], 'each has its own answer');
  const noDirectory = Promise.resolve(storage.measure?.(join(outside, 'precious'), bounds));
  await t.rejects(noDirectory, { message: /ENOTDIR/ });
  await storage.remove?.(directory);
  t.same(await storage.measure?.(directory, bounds), { bytes: 0, entries: 0, isWhole: true });
});
