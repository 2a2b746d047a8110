// Which suites run beside each other. Most of them mostly wait (for leases, timers, other programs), so some run at once; what
// must not meet is said here. A suite is named by its source.

/**
 * What only one suite at a time may have: each Docker daemon of ours wants the same bridge and the same rules of the
 * packet filter. A test holds this list against what suites import.
 */
const CLAIMS = {
  docker: [
    'test/examples/alignment.e2e.ts',
    'test/faults/containers.e2e.ts',
    'test/localmesos/docker.e2e.ts',
    'test/service/containers.e2e.ts',
    'test/service/images.e2e.ts',
    'test/service/memory.e2e.ts',
  ],
};

/** What judges how fast something is: nothing else runs meanwhile. */
const ALONE = ['test/service/latency.e2e.ts'];

/** The longest ones begin, so that none is left over at the end. Those that nobody names follow in order of name. */
const FIRST = [
  'test/simulation/days.simulation.ts',
  'test/faults/processes.e2e.ts',
  'test/service/random-kill.e2e.ts',
  'test/service/standby.e2e.ts',
  'test/faults/cluster.e2e.ts',
  'test/faults/containers.e2e.ts',
  'test/service/backup.e2e.ts',
  'test/service/status.e2e.ts',
  'test/service/images.e2e.ts',
];

/**
 * @typedef {object} Need
 * @property {readonly string[]} claims  what it has for itself
 * @property {boolean} isAlone           nothing runs beside it
 * @property {number} turn               the lowest begins
 */

/**
 * What a suite needs.
 * @param {string} source such as `test/core/units.test.ts`
 * @returns {Need}
 */
export function needOf(source) {
  const claims = Object.keys(CLAIMS).filter((name) => CLAIMS[name].includes(source));
  const place = FIRST.indexOf(source);
  return {
    claims,
    isAlone: ALONE.includes(source),
    turn: place === -1 ? FIRST.length : place,
  };
}

/** Every suite that is named here; each must exist. */
export const namedSuites = () => [
  ...new Set([...Object.values(CLAIMS).flat(), ...ALONE, ...FIRST]),
];

/**
 * @typedef {object} Work
 * @property {Need} need
 * @property {boolean} isYielding     it computes at low priority: it takes no place from the rest, but none runs beside another
 * @property {() => Promise<void>} run
 */

/**
 * Runs `works` at most `places` at a time; at last those that must be alone, which then wait for nobody's end but their own.
 * @param {readonly Work[]} works
 * @param {number} places
 */
export async function runAll(works, places) {
  const others = works.filter(({ need }) => !need.isAlone);
  await Promise.all([
    runBeside(
      others.filter(({ isYielding }) => !isYielding),
      places,
    ),
    runBeside(
      others.filter(({ isYielding }) => isYielding),
      1,
    ),
  ]);
  await runBeside(
    works.filter(({ need }) => need.isAlone),
    1,
  );
}

/**
 * A work begins as soon as a place is free and nothing it claims is taken; of those that could begin the lowest turn
 * does, then the one that was named first.
 */
async function runBeside(works, places) {
  const waiting = works
    .map((work, index) => ({ ...work, index }))
    .sort((a, b) => a.need.turn - b.need.turn || a.index - b.index);
  const running = new Map();
  const isTaken = (claim) => [...running.keys()].some(({ need }) => need.claims.includes(claim));
  while (waiting.length > 0 || running.size > 0) {
    for (let at = 0; at < waiting.length && running.size < places; ) {
      const work = waiting[at];
      if (work.need.claims.some(isTaken)) at += 1;
      else {
        waiting.splice(at, 1);
        running.set(
          work,
          work.run().finally(() => running.delete(work)),
        );
      }
    }
    await Promise.race(running.values());
  }
}
