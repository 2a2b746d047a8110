// Three web servers, two schedulers and three watchers on real databases, killed at random under load; then everything is counted.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { codeOf, markedScript, runsOf, submittedSurely } from '../support/marked-jobs.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation, type Scheduler, type Web } from '../support/processes.js';
import type { Background } from '../support/programs.js';
import { RedisServer, redisMissing } from '../support/redis.js';
import type { JobDocument } from '../support/rest.js';
import { skipAloud } from '../support/skip.js';
import { sleep, waitFor } from '../support/waiting.js';

const JOBS = Number(process.env.JOBS ?? 2_000);
const KILLS = Number(process.env.KILLS ?? 36);
const SEED = Number(process.env.SEED ?? 1);
const CPUS_OF_A_JOB = 0.5;
const LANES = 8;
/** Between two kills, so that each meets a system that does something. */
const PAUSE_MS = 700;
/** Redis is emptied each so many kills. */
const EMPTIED_EACH = 5;
const OVER_MS_MAX = 300_000;
const NODE = ['--tasks', 'process', '--agents', '4', '--cpus', '16', '--mem', '32000'];

t.setTimeout(1_200_000);

/** The same kills for the same seed (mulberry32); what they meet is another matter. */
function numbersOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let n = Math.imul(state ^ (state >>> 15), state | 1);
    n ^= n + Math.imul(n ^ (n >>> 7), n | 61);
    return ((n ^ (n >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A place that one process after the other takes. */
interface Seat {
  readonly what: string;
  process(): Background;
  /** Another takes the place of one that was killed. */
  fill(): Promise<void>;
}

class Site {
  readonly webs: Web[] = [];
  readonly schedulers: Scheduler[] = [];
  readonly watchers: { readonly process: Background }[] = [];
  readonly seats: Seat[] = [];

  async add<Of extends { readonly process: Background }>(
    what: string,
    among: Of[],
    start: () => Promise<Of>,
  ): Promise<void> {
    const at = among.length;
    among.push(await start());
    this.seats.push({
      what: `${what} ${at + 1}`,
      process: () => (among[at] as Of).process,
      fill: async () => {
        among[at] = await start();
      },
    });
  }
}

t.test(`${JOBS} jobs, ${KILLS} kills, seed ${SEED}`, async (t) => {
  const missing = mongoMissing();
  if (missing !== undefined) return skipAloud(t, 'MongoDB', missing);
  const server = await startMongo(t);
  t.comment(`against ${server.what}`);
  const redis = redisMissing() === undefined ? await RedisServer.start(t) : undefined;
  t.comment(redis === undefined ? 'without Redis, which is not installed' : 'with Redis');
  const root = temporaryFolder(t, 'random-kill');
  const marks = join(root, 'marks');
  const home = join(root, 'home');
  for (const [folder, mode] of [
    [root, 0o711],
    [marks, 0o777],
    [home, 0o711],
  ] as const) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, mode);
  }
  const installation = new Installation(t, {
    home,
    mesosPort: await freePort(),
    environment: {
      GODOCKER_MONGO_URL: server.url,
      GODOCKER_MONGO_DATABASE: temporaryDatabase(t, server.url),
      ...(redis === undefined ? {} : { GODOCKER_REDIS_HOST: `127.0.0.1:${redis.port}` }),
    },
  });
  const site = new Site();
  for (let n = 0; n < 3; n++) await site.add('web', site.webs, () => installation.web());
  for (let n = 0; n < 2; n++)
    await site.add('scheduler', site.schedulers, () => installation.scheduler());
  for (let n = 0; n < 3; n++)
    await site.add('watcher', site.watchers, async () => ({
      process: await installation.watcher(),
    }));
  if (redis !== undefined)
    site.seats.push({
      what: 'Redis',
      process: () => redis.process,
      fill: () => redis.startAgain(),
    });
  await installation.node(NODE);

  const sent = new Map<number, number>();
  let next = 0;
  const load = Array.from({ length: LANES }, async () => {
    for (let n = next++; n < JOBS; n = next++) {
      const script = markedScript(marks, n, 0.2);
      const request = { cpu: CPUS_OF_A_JOB, ram: 0.02 };
      const id = await submittedSurely(site.webs, n, { script, request });
      sent.set(n, id);
    }
  });
  const emptied = async () => void (await redis?.ask('FLUSHALL'));
  const kills = killing(site, emptied, (text) => t.comment(text));
  await Promise.all(load);
  const killed = await kills;
  t.ok(killed >= KILLS, `${killed} kills`);
  t.equal(new Set(sent.values()).size, JOBS, 'each submission has a job of its own');

  const client = (): Web['client'] => (site.webs[0] as Web).client;
  const jobs = await client().allOver([...sent.values()], OVER_MS_MAX);
  const codes = new Map([...sent].map(([n, id]) => [id, codeOf(n)]));
  const lost = jobs.filter(({ id, status }) => status.exitcode !== codes.get(id));
  t.same(lost, [], `0 of ${jobs.length} lost: each ended with its own code`);
  t.same(
    jobs.filter(({ id }) => runsOf(marks, id) !== 1),
    [],
    'and 0 doubled: each ran once',
  );
  const record = (await client().post('/api/1.0/task/over/all/0/0', {})) as readonly unknown[];
  t.equal(record.length, JOBS, 'the record holds those jobs and no others');
  const leader = await waitFor('a scheduler leads', 30_000, async () => {
    for (const scheduler of site.schedulers) {
      const status = await scheduler.status();
      if (status.isLeading) return status;
    }
    return undefined;
  });
  t.match(leader, { pending: 0, live: 0 }, 'the leader holds nothing any more');
  const [today, ...others] = (await client().get('/api/1.0/user/admin/usage')) as readonly {
    readonly cpu: number;
    readonly time: number;
  }[];
  const days = [today, ...others].flatMap((day) => day ?? []);
  const sum = (what: 'cpu' | 'time') => days.reduce((total, day) => total + day[what], 0);
  t.equal(sum('cpu'), JOBS * CPUS_OF_A_JOB, 'use counts each job once');
  const lasted = jobs.reduce((total, { status }) => total + (status.duration ?? 0), 0);
  t.equal(Math.round(sum('time') * 1_000), Math.round(lasted * 1_000), 'and for as long as it ran');
  await judgeAccounting(t, client(), jobs);
});

interface Launch {
  readonly launch: number;
  readonly run_seconds: number;
}

/** Watchers keep one record of each launch, whoever of them was killed meanwhile; their sums say the same. */
async function judgeAccounting(
  t: Test,
  client: Web['client'],
  jobs: readonly JobDocument[],
): Promise<void> {
  const launches: Launch[] = [];
  for (const { id, status } of jobs) {
    const found = await waitFor(`job ${id} is accounted`, 60_000, async () => {
      const records = await client.get(`/api/1.0/task/${id}/accounting`);
      return (records as readonly Launch[]).length > 0 ? (records as readonly Launch[]) : undefined;
    });
    launches.push(...found);
    const numbers = found.map(({ launch }) => launch);
    if (new Set(numbers).size !== numbers.length) t.fail(`job ${id}: a launch has two records`);
    const ran = found.reduce((total, { run_seconds }) => total + run_seconds, 0);
    if (Math.abs(ran - (status.duration ?? 0)) > 0.000_5)
      t.fail(`job ${id} ran for ${status.duration} s and is accounted for ${ran} s`);
  }
  t.comment(`${launches.length} launches accounted`);
  const day = (ms: number) => new Date(Date.now() + ms).toISOString().slice(0, 10);
  const span = `from=${day(-86_400_000)}&until=${day(2 * 86_400_000)}`;
  const { sums } = (await client.get(`/api/1.0/accounting?${span}`)) as {
    readonly sums: readonly { readonly launches: number }[];
  };
  t.equal(
    sums.reduce((total, one) => total + one.launches, 0),
    launches.length,
    'each launch is accounted once, and their sums say so',
  );
}

/** Kills processes at random until there were enough kills. How many there were. */
async function killing(
  site: Site,
  emptied: () => Promise<void>,
  comment: (text: string) => void,
): Promise<number> {
  const random = numbersOf(SEED);
  const done = new Map<string, number>();
  let killed = 0;
  while (killed < KILLS) {
    await sleep(PAUSE_MS * (0.5 + random()));
    const seat = site.seats[Math.floor(random() * site.seats.length)] as Seat;
    if (++killed % EMPTIED_EACH === 0) await emptied();
    await seat.process().kill9();
    done.set(seat.what, (done.get(seat.what) ?? 0) + 1);
    await seat.fill();
  }
  comment(`killed: ${[...done].map(([what, times]) => `${what} ×${times}`).join(', ')}`);
  return killed;
}
