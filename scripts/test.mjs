// Runs the tests on the compiled code. A suite's group is told by how its file name ends:
//   *.test.ts      fast: no server, no Docker, no real process; many suites share a process
//   *.contract.ts  one suite of demands for each implementation, with the real part behind it
//   *.e2e.ts       real processes, servers, containers
//
//   node scripts/test.mjs all | fast | contracts | e2e | simulate | coverage   [NAME…]
//   node scripts/test.mjs one FILE… [--grep=PATTERN]
//   SEED=17 node scripts/test.mjs simulate          one history;  simulate --seeds 10000: so many of them
//
// NAME keeps the suites whose path contains it. Prints what was skipped, by name, and closes with the sum.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './stamp.mjs';
import { Report } from './testing/report.mjs';
import { compiledSuite, SUITES_VARIABLE, sourceOf } from './testing/sources.mjs';
import { killAll, runSuites } from './testing/suite-process.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

/** Suites side by side, and how long one may take before it counts as hung. */
const GROUPS = {
  fast: { ending: '.test.js', processes: 2, isShared: true, limitMs: 60_000 },
  contracts: { ending: '.contract.js', processes: 1, isShared: false, limitMs: 180_000 },
  e2e: { ending: '.e2e.js', processes: 1, isShared: false, limitMs: 600_000 },
  simulate: { ending: '.simulation.js', processes: 1, isShared: false, limitMs: 3_600_000 },
};

/** Groups of one stage run beside each other: histories compute in one process, contracts mostly wait for servers. */
const STAGES = [['fast'], ['contracts', 'simulate'], ['e2e']];

/**
 * Percent of the lines that the fast suites must reach, in those files of src/ and plugins/ that they load. Raised as
 * the project grows, never lowered.
 */
const COVERAGE_LINES_MIN = 80;

function suitesOf(group, names) {
  return (
    readdirSync('dist/test', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(GROUPS[group].ending))
      .map((name) => join('dist/test', name))
      // A suite that was renamed or removed leaves its old code in dist.
      .filter((file) => existsSync(sourceOf(file)))
      .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
      .sort()
  );
}

/** Deals suites out to processes; one process each when they must not share. */
function deal(suites, { processes, isShared }) {
  if (!isShared) return suites.map((suite) => [suite]);
  const hands = Array.from({ length: processes }, () => []);
  for (const [index, suite] of suites.entries()) hands[index % processes].push(suite);
  return hands.filter((hand) => hand.length > 0);
}

async function runGroup(group, suites, report, environment = {}) {
  const { limitMs, processes } = GROUPS[group];
  const hands = deal(suites, GROUPS[group]);
  const worker = async () => {
    for (let hand = hands.shift(); hand !== undefined; hand = hands.shift())
      await runSuites(root, hand, { limitMs, environment, listener: report.listener() });
  };
  await Promise.all(Array.from({ length: processes }, worker));
}

/** Sources that are ill-formatted or fail the linter. Types were checked by the build. */
function checkFormat(report) {
  const done = spawnSync('node_modules/.bin/biome', ['check', '.'], { encoding: 'utf8' });
  const output = done.error === undefined ? done.stdout + done.stderr : String(done.error);
  report.check('format and lint (biome check)', done.status === 0, output);
}

async function runNamed(files, patterns) {
  const report = new Report({ isVerbose: true });
  const environment = patterns.length > 0 ? { TAP_GREP: patterns.join('\n') } : {};
  for (const file of files) {
    const suite = compiledSuite(root, file);
    const group = Object.keys(GROUPS).find((name) => suite?.endsWith(GROUPS[name].ending));
    if (suite === undefined || group === undefined)
      report.check(
        file,
        false,
        'there is no such suite; name its source, as in test/core/x.test.ts',
      );
    else await runGroup(group, [suite], report, environment);
  }
  return report.close();
}

/** The fast suites under tap's own runner, which gathers coverage; its default demand of 100 % is replaced by ours. */
function runCoverage(names) {
  const done = spawnSync(
    process.execPath,
    [
      'node_modules/tap/dist/esm/run.mjs',
      'run',
      '--no-disable-coverage',
      '--allow-incomplete-coverage',
      '--coverage-report=json-summary',
      '--reporter=terse',
      '--timeout=300',
      'scripts/testing/run-suites.mjs',
    ],
    {
      stdio: 'inherit',
      env: { ...process.env, [SUITES_VARIABLE]: JSON.stringify(suitesOf('fast', names)) },
    },
  );
  if (done.status !== 0) return false;
  const summary = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8'));
  const ours = Object.entries(summary)
    .filter(([file]) => /^(src|plugins)\//.test(relative(root, file)))
    .map(([, { lines }]) => lines);
  const sum = (what) => ours.reduce((total, lines) => total + lines[what], 0);
  const reached = Math.round((10_000 * sum('covered')) / sum('total')) / 100;
  const isEnough = reached >= COVERAGE_LINES_MIN;
  console.log(`lines reached: ${reached} %, wanted: ${COVERAGE_LINES_MIN} %`);
  return isEnough;
}

/** Takes `--seeds N` out of the words; suites that play histories find it in their environment. */
function takeSeeds(words) {
  const at = words.findIndex((word) => /^--seeds(=|$)/.test(word));
  if (at === -1) return { words, environment: {} };
  const [, given = words[at + 1]] = words[at].split('=');
  const count = words[at].includes('=') ? 1 : 2;
  if (!/^[1-9]\d*$/.test(given ?? '')) throw new Error(`--seeds wants a number, not "${given}"`);
  return { words: words.toSpliced(at, count), environment: { SEEDS: given } };
}

async function main([group = 'all', ...given]) {
  const { words: rest, environment } = takeSeeds(given);
  const names = rest.filter((word) => !word.startsWith('--'));
  const patterns = rest.filter((word) => word.startsWith('--grep=')).map((word) => word.slice(7));
  if (!ensureBuilt(root)) return false;
  if (group === 'one') return runNamed(names, patterns);
  if (group === 'coverage') return runCoverage(names);
  const groups = group === 'all' ? STAGES.flat() : [group];
  if (groups.some((name) => !(name in GROUPS))) {
    console.error(
      `no group "${group}"; there are all, one, coverage, ${Object.keys(GROUPS).join(', ')}`,
    );
    return false;
  }
  // Figures are for those who asked for one group by name.
  const isVerbose = group === 'simulate' || (group === 'e2e' && names.length > 0);
  const report = new Report({ isVerbose });
  if (groups.includes('fast') && names.length === 0) checkFormat(report);
  const run = async (name) => {
    const suites = suitesOf(name, names);
    if (suites.length === 0 && groups.length === 1)
      report.check(`suites of ${name}`, false, `none matches ${names.join(', ') || 'at all'}`);
    await runGroup(name, suites, report, environment);
  };
  for (const stage of STAGES)
    await Promise.all(stage.filter((one) => groups.includes(one)).map(run));
  return report.close();
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    killAll();
    process.exit(1);
  });
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
