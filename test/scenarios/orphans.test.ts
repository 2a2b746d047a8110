// Tasks that no job holds: killed or kept as the site wants it, and never more than a bound without an administrator.
import t from 'tap';
import { type TaskId, taskId } from '../../src/core/units.js';
import type { OrphanPolicy } from '../../src/daemon/orphans.js';
import {
  clockJumps,
  expectStrayKills,
  pass,
  restart,
  scenario,
  storeComesBack,
  storeGoesAway,
  strayTask,
  type Tick,
} from './ticks.js';

const DAY_MS = 86_400_000;

const policy =
  (orphanPolicy: OrphanPolicy): Tick =>
  (stage) => {
    stage.orphanPolicy = orphanPolicy;
  };

const strays = (first: number, count: number): readonly Tick[] =>
  Array.from({ length: count }, (_, n) => strayTask(`${first + n}-1`));

const expectLeft =
  (count: number, trouble: RegExp | null): Tick =>
  (stage, t) => {
    const status = stage.daemon?.status();
    t.equal(status?.orphans, count, 'orphans left alive');
    if (trouble === null) t.same(status?.trouble, []);
    else t.match(status?.trouble, [trouble]);
  };

const idsFrom = (first: number, count: number): readonly TaskId[] =>
  Array.from({ length: count }, (_, n) => taskId(`${first + n}-1`));

const expectAllKilled =
  (first: number, count: number, isKilled = true): Tick =>
  (stage, t) => {
    const kills = idsFrom(first, count).map((id) => stage.master.tasks.get(id)?.kills ?? 0);
    t.same(
      kills.map((times) => times > 0),
      kills.map(() => isKilled),
      `${count} orphans from ${first} on are ${isKilled ? 'killed' : 'alive'}`,
    );
  };

const end =
  (first: number, count: number): Tick =>
  (stage) => {
    for (const id of idsFrom(first, count)) stage.master.report(id, 'killed');
  };

const few: OrphanPolicy = { orphans: 'kill', killsMax: 3 };

t.test(
  'what is beyond the bound is left alive, aloud, until an administrator decides',
  scenario(
    policy(few),
    restart(),
    ...strays(1_000, 5),
    expectAllKilled(1_000, 3),
    expectAllKilled(1_003, 2, false),
    expectLeft(2, /^2 tasks that no job holds run on.*orphan_kills_max.*orphans to keep/),
    end(1_000, 3),
    // Another term, and another day: nobody has looked yet.
    restart(),
    expectAllKilled(1_003, 2, false),
    clockJumps(DAY_MS + 1),
    restart(),
    expectAllKilled(1_003, 2, false),
    expectLeft(2, /^2 tasks/),
    policy({ ...few, killsMax: 4 }),
    restart(),
    expectAllKilled(1_003, 2),
    expectLeft(0, null),
  ),
);

t.test(
  'a day with fewer is over after a day',
  scenario(
    policy(few),
    restart(),
    ...strays(1_000, 2),
    expectAllKilled(1_000, 2),
    end(1_000, 2),
    clockJumps(DAY_MS + 1),
    ...strays(2_000, 3),
    expectAllKilled(2_000, 3),
    expectLeft(0, null),
  ),
);

t.test(
  'a site may keep orphans: they run on, and that is no trouble',
  scenario(
    policy({ orphans: 'keep', killsMax: 100 }),
    restart(),
    ...strays(1_000, 3),
    pass(120_000),
    expectAllKilled(1_000, 3, false),
    expectLeft(3, null),
    end(1_000, 1),
    expectLeft(2, null),
  ),
);

t.test(
  'orphans that end by themselves are no trouble any more',
  scenario(
    policy({ orphans: 'kill', killsMax: 0 }),
    restart(),
    ...strays(1_000, 1),
    expectLeft(1, /^1 tasks/),
    end(1_000, 1),
    expectLeft(0, null),
  ),
);

t.test(
  'what cannot be counted is not killed; it is when the store is back',
  scenario(
    storeGoesAway('putSetting'),
    strayTask('77-1'),
    expectStrayKills('77-1', 0),
    storeComesBack(),
    (stage) => stage.master.resend(),
    expectStrayKills('77-1', 1),
  ),
);
