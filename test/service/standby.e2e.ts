// Several schedulers and web servers on one home: leaders are killed, paused and stopped under load. Judges are what the
// jobs themselves left behind, and what the local node launched.
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { leaderAmong, type Scheduler } from '../support/processes.js';
import { sleep, waitFor } from '../support/waiting.js';
import {
  figures,
  firstRun,
  PROCESS_NODE,
  runsOf,
  type Stage,
  script,
  stageOf,
} from './standby-stage.js';

const KILL_ROUNDS = 5;
const TAKEOVER_MS_MAX = 10_000;
const NOTICED_MS_MAX = 10_000;
const SUBMIT_EACH_MS = 50;
const OVER_MS_MAX = 120_000;

t.setTimeout(540_000);

/** Submits through both web servers in turn until it is ended; every submission must be taken. */
class Load {
  readonly codes = new Map<number, number>();
  readonly refused: unknown[] = [];
  #isEnded = false;
  readonly #over: Promise<void>;

  constructor({ webs, marks }: Stage) {
    this.#over = this.#run(webs, marks);
  }

  async #run(webs: Stage['webs'], marks: string): Promise<void> {
    for (let n = 0; !this.#isEnded; n++) {
      try {
        const { client } = webs[n % 2 === 0 ? 0 : 1];
        this.codes.set(await client.submit(script(marks, n), { cpu: 0.5 }), n % 5);
      } catch (error) {
        this.refused.push(error);
      }
      await sleep(SUBMIT_EACH_MS);
    }
  }

  /** Ends the load; all of it must end once, each job with its own exit code. */
  async judge(t: Test, { webs, marks }: Stage): Promise<void> {
    this.#isEnded = true;
    await this.#over;
    t.same(this.refused, [], 'every submission was taken, whoever led');
    const jobs = await webs[1].client.allOver([...this.codes.keys()], OVER_MS_MAX);
    const wrong = jobs.filter(({ id, status }) => status.exitcode !== this.codes.get(id));
    t.same(wrong, [], `none of ${jobs.length} jobs was lost: each ended with its own code`);
    const doubled = jobs.filter(({ id }) => runsOf(marks, id).length !== 1).map(({ id }) => id);
    t.same(doubled, [], 'none ran twice');
  }
}

const logOf = ({ process }: Scheduler): string => readFileSync(process.logFile, 'utf8');

t.test(`kill -9 of the leader, ${KILL_ROUNDS} rounds under load`, async (t) => {
  const stage = await stageOf(t, PROCESS_NODE);
  const { installation, webs, schedulers, marks } = stage;
  const load = new Load(stage);
  const takeovers: number[] = [];
  for (let round = 0; round < KILL_ROUNDS; round++) {
    const leader = await leaderAmong(schedulers);
    await sleep(500 + 350 * round);
    const killedAt = Date.now();
    await leader.process.kill9();
    const probe = await webs[0].client.submit(script(marks, 0), { name: 'probe' });
    load.codes.set(probe, 0);
    takeovers.push((await firstRun(marks, probe)) - killedAt);
    schedulers.splice(schedulers.indexOf(leader), 1, await installation.scheduler());
  }
  t.comment(`kill -9 to the first launch of the standby, ms: ${figures(takeovers)}`);
  t.ok(Math.max(...takeovers) < TAKEOVER_MS_MAX, `each within ${TAKEOVER_MS_MAX / 1000} s`);
  await load.judge(t, stage);
});

t.test('a leader that is paused and wakes up launches nothing', async (t) => {
  const stage = await stageOf(t, PROCESS_NODE);
  const { installation, schedulers } = stage;
  const load = new Load(stage);
  for (const pausedMs of [1_500, 3_300, 4_300, 6_000, 15_000]) {
    const leader = await leaderAmong(schedulers);
    const other = schedulers.find((one) => one !== leader);
    if (other === undefined) throw new Error('there are two');
    await sleep(1_000);
    const before = logOf(leader).length;
    process.kill(leader.process.pid, 'SIGSTOP');
    await sleep(pausedMs);
    const isReplaced = (await other.status()).isLeading;
    if (!leader.process.isRunning()) {
      // It slept on the write lock of the store, so whoever had to write ended it.
      t.comment(`paused for ${pausedMs} ms inside a transaction, and ended`);
      t.ok(isReplaced, 'the other leads');
      schedulers.splice(schedulers.indexOf(leader), 1, await installation.scheduler());
      continue;
    }
    process.kill(leader.process.pid, 'SIGCONT');
    t.comment(`paused for ${pausedMs} ms, replaced meanwhile: ${isReplaced}`);
    if (pausedMs < 2_000) {
      await sleep(1_000);
      t.notOk(isReplaced, 'a short pause changes nothing');
      t.ok((await leader.status()).isLeading);
      continue;
    }
    await waitFor('it notices', NOTICED_MS_MAX, () =>
      logOf(leader).slice(before).includes('no longer leading'),
    );
    if (!isReplaced) continue;
    // Time enough to do what it must not do.
    await sleep(1_000);
    const since = logOf(leader).slice(before);
    t.notMatch(since, /"subscribed"/, 'it does not take the cluster away from the one who leads');
    t.ok((await other.status()).isLeading, 'who goes on leading');
    t.notOk((await leader.status()).isLeading);
  }
  await load.judge(t, stage);
});

t.test('a clean stop hands over at once', async (t) => {
  const stage = await stageOf(t, PROCESS_NODE);
  const { installation, webs, schedulers, marks } = stage;
  const load = new Load(stage);
  const takeovers: number[] = [];
  for (let round = 0; round < 3; round++) {
    const leader = await leaderAmong(schedulers);
    await sleep(1_000);
    const stoppedAt = Date.now();
    await leader.process.stop();
    const probe = await webs[1].client.submit(script(marks, 0), { name: 'probe' });
    load.codes.set(probe, 0);
    takeovers.push((await firstRun(marks, probe)) - stoppedAt);
    schedulers.splice(schedulers.indexOf(leader), 1, await installation.scheduler());
  }
  t.comment(`SIGTERM to the first launch of the standby, ms: ${figures(takeovers)}`);
  t.ok(Math.max(...takeovers) < 4_000, 'nobody waited for the lease to go stale');
  await load.judge(t, stage);
});

t.test('without a leader jobs are accepted, and readiness says so', async (t) => {
  const stage = await stageOf(t, PROCESS_NODE);
  const { installation, webs, schedulers, marks } = stage;
  for (const { process } of schedulers) await process.kill9();
  const answer = await waitFor('it is noticed', 15_000, async () => {
    const ready = await fetch(`${webs[0].url}/readyz`);
    return ready.status === 503 ? ready.text() : undefined;
  });
  t.match(answer, /no scheduler leads/);
  const id = await webs[0].client.submit(script(marks, 3));
  const wanted = await webs[1].client.submit(script(marks, 3));
  await webs[1].client.kill(wanted);
  await installation.scheduler();
  t.equal((await webs[1].client.over(id)).status.exitcode, 3);
  t.equal((await webs[1].client.over(wanted)).status.exitcode, 137);
  t.same(runsOf(marks, wanted), [], 'killed before anybody led: it never ran');
});
