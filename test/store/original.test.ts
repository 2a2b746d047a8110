// An original GoDocker's data, as mongoexport writes them, in a store of ours.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import authLocal from '../../plugins/auth-local.js';
import { ImportRefused } from '../../src/contracts/backup.js';
import { SILENT } from '../../src/contracts/log.js';
import { instant, jobId, projectId, userId } from '../../src/core/units.js';
import { fill } from '../../src/store/backup/read.js';
import { Tally } from '../../src/store/backup/tally.js';
import { openEmbeddedTarget } from '../../src/store/embedded/backup-target.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { ImportReport } from '../../src/store/original/report.js';
import { countersIn, openOriginal } from '../../src/store/original/source.js';
import { type OriginalRules, translated } from '../../src/store/original/translate.js';
import { hostOf } from '../api/a-service.js';
import { temporaryFolder } from '../support/places.js';
import { projectFile } from '../support/project.js';
import { aNewJob } from './a-job.js';

const FOLDER = projectFile('test/store/original');
const NOW = instant(1_500_000_000_000);
const RULES: OriginalRules = {
  admins: new Set(['anna', 'nobody']),
  active: 'leave-out',
  counters: new Map(),
  timeZone: 'UTC',
  at: NOW,
};

/** The store, and what the report says. */
async function imported(t: Test, over: Partial<OriginalRules> = {}, folder = FOLDER) {
  const path = join(temporaryFolder(t, 'original'), 'store.db');
  const report = new ImportReport();
  const source = await openOriginal(folder);
  const target = openEmbeddedTarget(path);
  const tally = new Tally();
  const portions = async function* () {
    for await (const records of translated(source, { ...RULES, ...over }, report)) {
      for (const record of records) tally.add(record);
      yield records;
    }
  };
  await fill(target, portions(), { isReplacing: false, expected: () => tally.counts() }).finally(
    () => target.close(),
  );
  const store = await openEmbeddedStore({ path, log: SILENT });
  t.teardown(() => store.close());
  return { store, said: report.lines().join('\n') };
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'taken';
  } catch (error) {
    if (!(error instanceof ImportRefused)) throw error;
    return `${error.because}: ${error.message}`;
  }
}

t.test('users keep passwords, keys, priorities and quotas', async (t) => {
  const { store, said } = await imported(t);
  const anna = await store.user(userId('anna'));
  t.match(anna, {
    identity: {
      uid: 1101,
      gid: 1100,
      sgids: [1200, 1201],
      home: '/home/anna',
      email: 'anna@example.org',
    },
    isAdmin: true,
    prio: 80,
    quotas: { time: 3_600, cpu: 0, ram: 0 },
    sshPublicKey: 'ssh-rsa AAAAB3 anna@lab',
    keys: [{ sha256: createHash('sha256').update('A1B2C3D4E5').digest('hex') }],
  });
  t.strictSame(
    (await store.users()).map(({ id }) => id),
    ['admin', 'anna', 'bob'],
  );
  t.match(said, /left out: users whose id is no login \(\.\.\/root\)/);
  t.match(said, /left out: passwords that are no bcrypt hash.* \(admin\)/);
  t.match(said, /left out: administrators who are no users there \(nobody\)/);
  t.match(said, /changed: guests become ordinary users.* \(bob\)/);
});

t.test('a bcrypt password opens its account, and is then kept as all others are', async (t) => {
  const { store } = await imported(t);
  const auth = authLocal.create({}, hostOf(store, []));
  const hash = async () => (await store.user(userId('anna')))?.passwordHash ?? '';
  t.match(await hash(), /^\$2b\$/);
  t.equal(await auth.bindCredentials('anna', 'wrong horse'), undefined);
  t.match(await hash(), /^\$2b\$/, 'only a right password is kept anew');
  t.match(await auth.bindCredentials('anna', 'correct horse'), { id: 'anna' });
  t.match(await hash(), /^\$argon2id\$/);
  t.match(await auth.bindCredentials('anna', 'correct horse'), { id: 'anna' });
  t.equal(await auth.bindCredentials('anna', 'wrong horse'), undefined);
  t.match(await auth.bindApi('bob', 'Z9Y8X7W6V5'), { person: { id: 'bob' } });
  t.equal(await auth.bindCredentials('bob', ''), undefined, 'no local password opens it');
});

t.test('projects: members, priority, quotas', async (t) => {
  const { store, said } = await imported(t);
  t.match(await store.projects(), [
    {
      id: 'genomes',
      description: 'Sequencing',
      prio: 70,
      members: ['anna', 'bob'],
      quotas: { time: 86_400, cpu: 0, ram: 100 },
    },
  ]);
  t.match(said, /left out: volumes of projects.* \(genomes\)/);
  t.match(said, /left out: projects without members.* \(empty\)/);
});

t.test('jobs keep ids, dates, outcomes, scripts and directories', async (t) => {
  const { store, said } = await imported(t);
  t.match(await store.job(jobId(72)), {
    state: 'over',
    owner: 'anna',
    project: 'genomes',
    submittedAt: 1_465_933_700_250,
    startedAt: 1_465_933_710_000,
    endedAt: 1_465_933_770_000,
    outcome: { kind: 'exited', exitCode: 127 },
    directory: '/opt/godshared/tasks/pairtree_root/72/task',
    placement: { host: 'node-3' },
    spec: {
      name: 'align',
      tags: ['bwa', 'run-7'],
      image: 'biocontainers/bwa',
      needs: { cpuMilli: 2_000, memMb: 4_000 },
      constraints: [{ name: 'rack', value: 'r1' }],
      volumes: [{ name: 'home', path: '/home/anna', mount: '/mnt/home', acl: 'ro' }],
      lifespanMs: 7_200_000,
      asked: { notifyEmail: true, label: ['rack==r1', 'resource==licence'] },
    },
  });
  t.equal((await store.scripts([jobId(72)])).get(jobId(72)), '#!/bin/bash\nbwa mem é\n');
  t.match(await store.job(jobId(73)), { outcome: { kind: 'killed', by: 'bob' }, startedAt: null });
  t.match(await store.job(jobId(74)), { outcome: { exitCode: 0 }, archivedAt: 1_465_933_715_000 });
  t.match(await store.job(jobId(76)), { outcome: { kind: 'gaveUp' } });
  t.equal(await store.job(jobId(90)), undefined, 'it waits there');
  t.match(said, /left out: jobs that wait or run \(90\)/);
  t.match(said, /left out: jobs without id, user or date \(\?\)/);
  t.match(said, /changed: arrays: .* \(75, 76\)/);
  t.equal(await store.diskOf(jobId(72)), 20_480);
  t.strictSame(
    (await store.diskDue({ after: null, limit: 9 })).map(({ id }) => id),
    [75, 76],
    'the others are known, or gone',
  );
});

t.test('ids go on behind the last one that was given out', async (t) => {
  const counters = await countersIn(join(FOLDER, 'redis.txt'));
  const { store } = await imported(t, { counters });
  t.match(await store.submit([aNewJob()]), [{ id: 96 }]);
  const { store: other } = await imported(t, { active: 'over' });
  t.match(await other.submit([aNewJob()]), [{ id: 91 }], 'of jobs alone');
});

t.test('use is that of the jobs, and what counters have beyond them', async (t) => {
  const used = async (counters: ReadonlyMap<string, string>) => {
    const { store, said } = await imported(t, { counters });
    const days = await store.used({ since: instant(0) });
    return {
      said,
      days: days.map(({ owner, project, timeMs, cpuMilli, memMb }) => ({
        owner,
        project,
        timeMs,
        cpuMilli,
        memMb,
      })),
    };
  };
  const anna = {
    owner: userId('anna'),
    project: projectId('genomes'),
    timeMs: 60_000,
    cpuMilli: 2_000,
    memMb: 4_000,
  };
  const bob = {
    owner: userId('bob'),
    project: projectId('default'),
    timeMs: 10_000,
    cpuMilli: 1_000,
    memMb: 1_000,
  };
  t.strictSame((await used(new Map())).days, [anna, bob]);
  const { days, said } = await used(await countersIn(join(FOLDER, 'redis.txt')));
  t.strictSame(days, [anna, { ...bob, timeMs: 130_000, cpuMilli: 9_000, memMb: 3_000 }]);
  t.match(said, /changed: use of jobs that are on record no more: .* \(bob\)/);
  t.match(said, /left out: counters of projects/);
});

t.test('days of counters are those of the original, wherever that was', async (t) => {
  const counters = new Map([
    ['god:user:anna:time:2016_6_15', '60'],
    ['god:user:anna:cpu:2016_6_15', '2'],
  ]);
  const said = async (timeZone: string) => (await imported(t, { counters, timeZone })).said;
  t.notMatch(await said('Asia/Tokyo'), /on record no more/, 'job 72 ended there on the 15th');
  t.match(await said('UTC'), /on record no more/);
});

t.test('jobs that wait or run stop it, unless told what becomes of them', async (t) => {
  t.match(
    await refusalOf(imported(t, { active: 'refuse' })),
    /^active-jobs: 1 jobs wait or run there \(90\)/,
  );
  const { store, said } = await imported(t, { active: 'over' });
  t.match(await store.job(jobId(90)), {
    state: 'over',
    endedAt: NOW,
    outcome: { kind: 'gaveUp', because: { facts: { message: /was active/ } } },
  });
  t.match(said, /changed: jobs that wait or run: on record as given up \(90\)/);
});

t.test('a folder that is no such export, and lines that are none', async (t) => {
  const folder = temporaryFolder(t, 'dump');
  t.match(await refusalOf(openOriginal(folder)), /has no users\.json: make one with mongoexport/);
  cpSync(FOLDER, folder, { recursive: true });
  const users = join(folder, 'users.jsonl');
  const whole = readFileSync(users, 'utf8');
  for (const [text, said] of [
    [`${whole}{"id":`, /users\.jsonl, line 5: it is no JSON/],
    [`${whole}7`, /users\.jsonl, line 5: it is no object/],
    [`[${whole}]`, /without --jsonArray/],
  ] as const) {
    writeFileSync(users, text);
    t.match(await refusalOf(imported(t, {}, folder)), said);
  }
  writeFileSync(join(folder, 'redis.txt'), 'god:jobs\n');
  t.match(await refusalOf(countersIn(join(folder, 'redis.txt'))), /line 1: it is no "key value"/);
});
