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
const ALONE = [];

/** The longest ones begin, so that none is left over at the end. Those that nobody names follow in order of name. */
const FIRST = [
  'test/simulation/days.simulation.ts',
  'test/faults/containers.e2e.ts',
  'test/service/random-kill.e2e.ts',
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
  const isAlone = ALONE.includes(source);
  const place = FIRST.indexOf(source);
  // Those that want the machine for themselves come when the others are through: nobody waits for an end then.
  const turn = isAlone ? FIRST.length + 1 : place === -1 ? FIRST.length : place;
  return { claims, isAlone, turn };
}

/** Every suite that is named here; each must exist. */
export const namedSuites = () => [
  ...new Set([...Object.values(CLAIMS).flat(), ...ALONE, ...FIRST]),
];

/**
 * Runs `works` at most `places` at a time. A work begins as soon as a place is free and nothing it needs is taken; of
 * those that could begin the lowest turn does, then the one that was named first.
 * @param {readonly { need: Need, run: () => Promise<void> }[]} works
 * @param {number} places
 */
export async function runBeside(works, places) {
  const waiting = works
    .map((work, index) => ({ ...work, index }))
    .sort((a, b) => a.need.turn - b.need.turn || a.index - b.index);
  const running = new Map();
  const mayBegin = ({ need }) => {
    const others = [...running.keys()];
    if (others.some((other) => other.need.isAlone)) return false;
    if (need.isAlone) return others.length === 0;
    return !others.some((other) => need.claims.some((claim) => other.need.claims.includes(claim)));
  };
  while (waiting.length > 0 || running.size > 0) {
    for (let at = 0; at < waiting.length && running.size < places; ) {
      const work = waiting[at];
      if (mayBegin(work)) {
        waiting.splice(at, 1);
        running.set(
          work,
          work.run().finally(() => running.delete(work)),
        );
      } else at += 1;
    }
    await Promise.race(running.values());
  }
}
