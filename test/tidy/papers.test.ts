// Documents that must stay whole: decision records, change notes, lock file, licence, credit.
import { readdirSync } from 'node:fs';
import t from 'tap';
import { filesBelow, projectFile, readProjectFile } from '../support/project.js';

const RECORD = /^(\d{4})-([a-z0-9]+(?:-[a-z0-9]+)*)\.md$/;
const SECTIONS = ['Context', 'Decision', 'Consequences', '(Alternatives refused|Refused)'];

t.test('decision records are numbered, once each, and whole', async (t) => {
  const names = readdirSync(projectFile('docs/decisions')).filter((name) => name.endsWith('.md'));
  t.ok(names.length > 0, 'there are records');
  const numbers = names.map((name) => RECORD.exec(name)?.[1]);
  t.notOk(numbers.includes(undefined), 'every file is named NNNN-what.md');
  t.equal(new Set(numbers).size, numbers.length, 'no number is used twice');
  for (const name of names) {
    const text = readProjectFile('docs/decisions', name);
    t.match(
      text,
      new RegExp(`^# ${Number(RECORD.exec(name)?.[1])}\\. `),
      `${name} opens with its number`,
    );
    for (const section of SECTIONS)
      t.match(text, new RegExp(`\n## ${section}\n`), `${name}: ${section}`);
  }
});

t.test('what changed is said under Unreleased', async (t) => {
  const unreleased = /^## Unreleased\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(
    readProjectFile('CHANGELOG.md'),
  );
  t.match(unreleased?.[1], /^### (Added|Changed|Fixed|Removed)$/m);
  t.match(unreleased?.[1], /^- \S/m);
});

t.test('the lock file names no registry', async (t) => {
  t.notMatch(readProjectFile('package-lock.json'), /"resolved": "https?:/);
  t.match(readProjectFile('.npmrc'), 'omit-lockfile-registry-resolved=true');
});

t.test('every dependency has its line in the decision record', async (t) => {
  const record = readProjectFile('docs/decisions/0013-dependencies.md');
  const listed = new Set([...record.matchAll(/^\| (\S+) +\|/gm)].map(([, name]) => name));
  const { dependencies, devDependencies } = JSON.parse(readProjectFile('package.json')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    t.ok(listed.has(name), `${name} has its line`);
    t.match(version, /^\d+\.\d+\.\d+$/, `${name} has an exact version`);
  }
});

t.test('the original is credited', async (t) => {
  for (const file of ['README.md', 'CITATION.cff']) {
    const text = readProjectFile(file);
    for (const words of [
      'Sallou',
      'Monjeau',
      'GO-Docker: a batch scheduling system with Docker containers',
    ])
      t.match(text, words, `${file}: ${words}`);
  }
});

t.test('the licence is there in full', async (t) => {
  const text = readProjectFile('LICENSE');
  t.match(text, 'Apache License');
  t.match(text, 'END OF TERMS AND CONDITIONS');
});

t.test('documents never tell readers to run a stranger\'s "god"', async (t) => {
  for (const path of filesBelow('.', (name) => name.endsWith('.md')))
    t.notMatch(readProjectFile(path), /\bnpx god\b/, path);
});

t.test('links between documents lead somewhere', async (t) => {
  for (const path of filesBelow('.', (name) => name.endsWith('.md'))) {
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
    for (const [, target = ''] of readProjectFile(path).matchAll(
      /\]\((?!https?:|#|mailto:)([^)#\s]+)/g,
    ))
      t.ok(exists(`${folder}/${target}`), `${path}: ${target}`);
  }
});

function exists(path: string): boolean {
  const folder = path.slice(0, path.lastIndexOf('/'));
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === '' || readdirSync(projectFile(folder)).includes(name);
}
