// Runs the tests on the compiled code. A suite's group is told by how its file name ends:
//   *.test.ts      fast: no server, no Docker, no real process; many suites share a process
//   *.contract.ts  one suite of demands for each implementation, with the real part behind it
//   *.e2e.ts       real processes, servers, containers
//
//   node scripts/test.mjs all | fast | contracts | e2e | simulate | coverage   [NAME…]
//   node scripts/test.mjs one FILE… [--grep=PATTERN]
//   SEED=17 node scripts/test.mjs simulate          one history;  simulate --seeds 10000: so many of them
//
// NAME keeps the suites whose path contains it. `--places N`: so many suites at a time. Prints where the time went and what
// was skipped, by name, and closes with the sum.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './stamp.mjs';
import { needOf, runAll } from './testing/plan.mjs';
import { Report } from './testing/report.mjs';
import { compiledSuite, SUITES_VARIABLE, sourceOf } from './testing/sources.mjs';
import { killAll, runSuites } from './testing/suite-process.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

/** The report of the run that is under way. */
let current;

/**
 * How long one suite may take before it counts as hung, and among how many processes a group's suites are dealt out; one
 * each when none are named.
 * `isYielding`: it computes all the time and is no one's judge of time, so it takes what the others leave.
 */
const GROUPS = {
  fast: { ending: '.test.js', processes: 2, limitMs: 120_000 },
  contracts: { ending: '.contract.js', limitMs: 300_000 },
  e2e: { ending: '.e2e.js', limitMs: 600_000 },
  simulate: { ending: '.simulation.js', limitMs: 3_600_000, isYielding: true },
};

/** Groups of one stage run beside each other. What is fast comes first: it tells soonest what is wrong. */
const STAGES = [['fast'], ['contracts', 'simulate', 'e2e']];

/** Suites at a time, histories apart. Most suites mostly wait, so even one core takes two. */
const PLACES = Math.max(2, Math.min(4, availableParallelism()));

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

/** Deals suites out to so many processes; one process each when the group shares none. */
function deal(suites, processes) {
  if (processes === undefined) return suites.map((suite) => [suite]);
  const hands = Array.from({ length: processes }, () => []);
  for (const [index, suite] of suites.entries()) hands[index % processes].push(suite);
  return hands.filter((hand) => hand.length > 0);
}

/** The processes that a group's suites are run in, each with what it needs. */
function worksOf(group, suites, report, environment) {
  const { limitMs, processes, isYielding = false } = GROUPS[group];
  return deal(suites, processes).map((hand) => ({
    need: needOf(hand.length === 1 ? sourceOf(hand[0]) : ''),
    isYielding,
    run: () =>
      runSuites(root, hand, { limitMs, environment, isYielding, listener: report.listener() }),
  }));
}

/** Sources that are ill-formatted or fail the linter. Types were checked by the build. */
function checkFormat(report) {
  const done = spawnSync('node_modules/.bin/biome', ['check', '.'], { encoding: 'utf8' });
  const output = done.error === undefined ? done.stdout + done.stderr : String(done.error);
  report.check('format and lint (biome check)', done.status === 0, output);
}

function reportOf(options) {
  current = new Report(options);
  return current;
}

async function runNamed(files, patterns) {
  const report = reportOf({ isVerbose: true, isLive: true });
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
    else await runAll(worksOf(group, [suite], report, environment), 1);
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

/** Takes `--NAME N` out of the words. Answers N, or undefined when it is not among them. */
function takeNumber(words, name) {
  const at = words.findIndex((word) => word === name || word.startsWith(`${name}=`));
  if (at === -1) return undefined;
  const [, given = words[at + 1]] = words[at].split('=');
  words.splice(at, words[at].includes('=') ? 1 : 2);
  if (!/^[1-9]\d*$/.test(given ?? '')) throw new Error(`${name} wants a number, not "${given}"`);
  return Number(given);
}

/** Groups of suites, of those suites whose path has one of `names`. */
async function runGroups(groups, names, { places, environment }) {
  const suites = Object.fromEntries(groups.map((group) => [group, suitesOf(group, names)]));
  // Histories follow in turn, whatever else runs.
  const isInTurn = groups.join() === 'simulate' || Object.values(suites).flat().length === 1;
  // Figures are for those who asked for one group by name.
  const isVerbose = groups.join() === 'simulate' || (groups.join() === 'e2e' && names.length > 0);
  const report = reportOf({ isVerbose, isLive: isInTurn });
  if (groups.includes('fast') && names.length === 0) checkFormat(report);
  if (groups.length === 1 && suites[groups[0]].length === 0)
    report.check(`suites of ${groups[0]}`, false, `none matches ${names.join(', ') || 'at all'}`);
  for (const stage of STAGES) {
    const asked = stage.filter((group) => groups.includes(group));
    const works = asked.flatMap((group) => worksOf(group, suites[group], report, environment));
    await runAll(works, places);
  }
  return report.close();
}

async function main([group = 'all', ...words]) {
  const seeds = takeNumber(words, '--seeds');
  // Suites that play histories find it there.
  const environment = seeds === undefined ? {} : { SEEDS: String(seeds) };
  const places = takeNumber(words, '--places') ?? PLACES;
  const names = words.filter((word) => !word.startsWith('--'));
  const patterns = words.filter((word) => word.startsWith('--grep=')).map((word) => word.slice(7));
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
  return runGroups(groups, names, { places, environment });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    killAll();
    current?.flush();
    process.exit(1);
  });
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
