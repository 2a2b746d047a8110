/** Everything that goes wrong, each thing at a rate that the seed draws. */
import type { Chance } from './chance.js';
import type { World } from './world.js';

interface Fault {
  readonly name: string;
  /** Mean time between two of them at the middle rate. */
  readonly eachMs: number;
  readonly strike: (world: World, chance: Chance) => void;
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 of a scheduler',
    eachMs: 180_000,
    strike: (world, chance) => world.anyScheduler(chance)?.process.kill('by kill -9'),
  },
  {
    name: 'crash between two steps',
    eachMs: 90_000,
    strike: (world, chance) => {
      const one = world.anyScheduler(chance);
      if (one !== undefined) one.process.stepsLeft = chance.between(0, 30);
    },
  },
  {
    name: 'clean stop of a scheduler',
    eachMs: 300_000,
    strike: (world, chance) => {
      const one = world.anyScheduler(chance);
      if (one !== undefined && !one.process.isStopped) void one.stop();
    },
  },
  {
    name: 'paused scheduler',
    eachMs: 180_000,
    strike: (world, chance) => {
      const one = world.anyScheduler(chance);
      if (one === undefined || one.process.isStopped) return;
      one.process.freeze();
      world.time.after(chance.between(500, 60_000), () => one.process.thaw());
    },
  },
  {
    name: 'clock jump',
    eachMs: 240_000,
    strike: (world, chance) => {
      const one = world.anyScheduler(chance);
      if (one === undefined) return;
      one.process.wallOffsetMs = chance.pick([-3_600_000, 0, 3_600_000]) ?? 0;
      world.judge.aheadMs = Math.max(world.judge.aheadMs, one.process.wallOffsetMs);
      world.trace.add(one.process.name, `clock off by ${one.process.wallOffsetMs} ms`);
    },
  },
  {
    name: 'broken connections',
    eachMs: 120_000,
    strike: (world, chance) => world.anyScheduler(chance)?.wire.cut(),
  },
  {
    name: 'silent partition',
    eachMs: 240_000,
    strike: (world, chance) => {
      const one = world.anyScheduler(chance);
      if (one === undefined) return;
      world.trace.add(one.process.name, 'partitioned in silence');
      one.wire.silence();
      world.time.after(chance.between(1_000, 120_000), () => one.wire.heal());
    },
  },
  {
    name: 'master failover',
    eachMs: 300_000,
    strike: (world, chance) => world.cluster.failOver(chance.between(200, 20_000)),
  },
  {
    name: 'agent cut off',
    eachMs: 90_000,
    strike: (world, chance) => {
      const agent = chance.pick(world.cluster.agents);
      if (agent !== undefined) world.cluster.cutOff(agent, chance.between(500, 200_000));
    },
  },
  {
    name: 'agent loses power',
    eachMs: 150_000,
    strike: (world, chance) => {
      const agent = chance.pick(world.cluster.agents);
      if (agent !== undefined) world.cluster.reboot(agent, chance.between(2_000, 200_000));
    },
  },
  {
    name: 'agent leaves',
    eachMs: 400_000,
    strike: (world, chance) => {
      const agent = chance.pick(world.cluster.agents);
      if (agent !== undefined) world.cluster.leave(agent, chance.between(10_000, 100_000));
    },
  },
  {
    name: 'rescinded offer',
    eachMs: 10_000,
    strike: (world, chance) => world.cluster.leader?.master.rescindOne(chance),
  },
  {
    name: 'store away',
    eachMs: 150_000,
    strike: (world, chance) => {
      world.storeWeather.isAway = true;
      world.trace.add('store', 'away');
      world.time.after(chance.between(100, 15_000), () => {
        world.storeWeather.isAway = false;
        world.trace.add('store', 'back');
      });
    },
  },
  {
    name: 'store slow',
    eachMs: 240_000,
    strike: (world, chance) => {
      world.storeWeather.isSlow = true;
      world.time.after(chance.between(1_000, 20_000), () => {
        world.storeWeather.isSlow = false;
      });
    },
  },
  {
    name: 'repeated update',
    eachMs: 15_000,
    strike: (world, chance) => world.cluster.repeatUpdate(chance),
  },
];

const RATES = [0, 0, 0.4, 1, 2] as const;

/** Lets faults strike until the world says it is enough. */
export class Troublemaker {
  readonly counts = new Map<string, number>();
  readonly #world: World;
  readonly #chance: Chance;
  #isOver = false;

  constructor(world: World, chance: Chance) {
    this.#world = world;
    this.#chance = chance;
    for (const fault of FAULTS) {
      const rate = chance.pick(RATES) ?? 0;
      if (rate > 0) this.#plan(fault, rate);
    }
  }

  stop(): void {
    this.#isOver = true;
  }

  #plan(fault: Fault, rate: number): void {
    this.#world.time.after(this.#chance.pauseMs(fault.eachMs / rate), () => {
      if (this.#isOver) return;
      this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1);
      fault.strike(this.#world, this.#chance);
      this.#plan(fault, rate);
    });
  }
}
