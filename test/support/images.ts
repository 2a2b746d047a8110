// Container images made here, from files of Debian packages that are installed here: tests pull nothing.
import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Docker } from './docker.js';
import { hasProgram, run } from './programs.js';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const IMPORT_MS_MAX = 180_000;

/** What weighs much and no test program reads: documents, translations, character tables, parts to build with. */
const LEFT_OUT: readonly RegExp[] = [
  /^\/usr\/share\/(man|locale|info|lintian|bash-completion)\//,
  // The reads of the alignment example are documents of their package, and stay.
  /^\/usr\/share\/doc\/(?!bowtie2(\/|$))[^/]+/,
  /^\/usr\/share\/doc\/bowtie2\/(?!examples(\/|$))/,
  /\/gconv\/|\/__pycache__(\/|$)|\.a$/,
  /\/perl\/5\.[\d.]+\/(CORE|Unicode|unicore|CPAN|ExtUtils|Module|Pod|Test|TAP|(auto\/)?Encode)\b/,
  /\/python3\.\d+\/(ensurepip|idlelib|lib2to3|pydoc_data|test|unittest)\//,
  /\/examples\/reads\/(combined|long)/,
  /^\/var\/|^\/\.$/,
];

/** An image with busybox and nothing else: no bash, no Python, no /etc/passwd. */
export async function busyboxImage(docker: Docker, tag = 'godocker-test/busybox'): Promise<string> {
  const made = await run(
    'sh',
    [
      '-c',
      `set -e
       folder=$(mktemp -d)
       trap 'rm -rf "$folder"' EXIT
       mkdir "$folder/bin" "$folder/tmp" && chmod 1777 "$folder/tmp"
       cp "$(command -v busybox)" "$folder/bin/busybox"
       for applet in $(busybox --list); do ln -s busybox "$folder/bin/$applet" 2> /dev/null || true; done
       tar -C "$folder" -c . | docker import -c 'ENV PATH=/bin' - "$1"`,
      'sh',
      tag,
    ],
    { env: { ...process.env, ...docker.env }, limitMs: IMPORT_MS_MAX },
  );
  if (made.code !== 0) throw new Error(`busybox image: ${made.stderr}`);
  return tag;
}

/** An image with these packages, and all they depend on, as installed on this machine. */
export async function imageOfPackages(
  docker: Docker,
  tag: string,
  packages: readonly string[],
): Promise<string> {
  const files = await filesOfPackages(await closureOf(packages));
  const made = await run(
    'sh',
    [
      '-c',
      `tar -C / -c --no-recursion -T - | docker import -c 'ENV PATH=${PATH}' - "$1"`,
      'sh',
      tag,
    ],
    { env: { ...process.env, ...docker.env }, input: files.join('\n'), limitMs: IMPORT_MS_MAX },
  );
  if (made.code !== 0) throw new Error(`image ${tag}: ${made.stderr}`);
  return tag;
}

/** Which of these Debian packages are not installed; all of them on another system. */
export async function missingPackages(packages: readonly string[]): Promise<readonly string[]> {
  if (!hasProgram('dpkg-query')) return packages;
  const states = await Promise.all(
    packages.map((name) => run('dpkg-query', ['-W', '-f', field('db:Status-Status'), name])),
  );
  return packages.filter((_, index) => states[index]?.stdout !== 'installed');
}

/** A field as dpkg-query names it in a format. */
const field = (name: string): string => ['$', '{', name, '}'].join('');

/** The packages and everything installed that they depend on, in turn. Of alternatives, all that are installed. */
async function closureOf(packages: readonly string[]): Promise<readonly string[]> {
  const listed = await run('dpkg-query', [
    '-W',
    '-f',
    `${['db:Status-Status', 'binary:Package', 'Pre-Depends', 'Depends', 'Provides'].map(field).join('\t')}\n`,
  ]);
  const needs = new Map<string, readonly string[]>();
  const providers = new Map<string, string[]>();
  for (const line of listed.stdout.split('\n')) {
    const [status, name = '', early = '', depends = '', provides = ''] = line.split('\t');
    if (status !== 'installed') continue;
    const plain = name.replace(/:.*$/, '');
    needs.set(plain, namesIn(`${early},${depends}`));
    for (const provided of namesIn(provides))
      providers.set(provided, [...(providers.get(provided) ?? []), plain]);
  }
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    const own = needs.get(name);
    if (own === undefined) return void providers.get(name)?.forEach(visit);
    found.add(name);
    own.forEach(visit);
  };
  packages.forEach(visit);
  return [...found].sort();
}

/** Package names of a dependency line; versions, architectures and alternatives' order do not matter here. */
const namesIn = (line: string): readonly string[] =>
  line
    .split(/[,|]/)
    .map((part) => part.trim().replace(/[\s(:].*$/, ''))
    .filter(Boolean);

async function filesOfPackages(packages: readonly string[]): Promise<readonly string[]> {
  const listed = await run('dpkg', ['-L', ...packages]);
  const paths = listed.stdout.split('\n').filter((path) => path.startsWith('/'));
  return [
    ...new Set(paths.filter((path) => !LEFT_OUT.some((part) => part.test(path))).map(realPath)),
  ]
    .filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined)
    .map((path) => path.slice(1))
    .filter(Boolean)
    .sort();
}

/** Packages still list /bin/cat, where /bin is a link to /usr/bin; an archive must not hold files behind a link. */
function realPath(path: string): string {
  const folder = dirname(path);
  if (!existsSync(folder)) return path;
  const real = realpathSync(folder);
  return real === '/' ? `/${basename(path)}` : `${real}/${basename(path)}`;
}
