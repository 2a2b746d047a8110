// A log that is followed over a real connection, while real files grow, shrink and are replaced.
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readPlace } from '../../src/api/log-follower.js';
import {
  EVENTS_BEAT_MS,
  LOG_FOLLOWERS_PER_USER_MAX,
  LOG_JOB_EACH_MS,
  LOG_LATE_MS_MAX,
  LOG_LOOK_EACH_MS,
} from '../../src/contracts/limits.js';
import type { JobId } from '../../src/core/units.js';
import { userId } from '../../src/core/units.js';
import { ended, leader, stepTo } from '../store/a-job.js';
import { waitFor } from '../support/waiting.js';
import { lead } from './a-service.js';
import { aStreamServer, type Heard } from './a-stream-server.js';

/** A job of alice's that runs, and its directory. */
async function aRunningJob(t: Test) {
  const server = await aStreamServer(t);
  const folder = join(server.directory, 'job');
  mkdirSync(folder);
  const id = await server.submit();
  await lead(server, id, 'running', folder);
  const log = join(folder, 'god.log');
  const look = () => server.time.pass(LOG_LOOK_EACH_MS + 1);
  /** Looks are made until it is so: files are real, and take their time. */
  const until = (what: string, probe: () => boolean) =>
    waitFor(what, 20_000, async () => {
      await look();
      return probe();
    });
  return { ...server, id, folder, log, look, until };
}

type Running = Awaited<ReturnType<typeof aRunningJob>>;

/** The job ends, and web servers hear of it. */
async function endJob({ store, tell }: Running, id: JobId, code = 0): Promise<void> {
  const job = await store.job(id);
  if (job?.state !== 'running') throw new Error(`job ${id} does not run`);
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  await store.advance(epoch, [stepTo(job, ended(job, code))]);
  await tell({ jobId: id, version: job.version + 1, owner: userId('alice') });
}

/** All that was told, put together as a reader would. */
function written(heard: Heard): string {
  const parts = heard.events.flatMap(({ event, data }) => {
    if (event !== 'log') return [`<${event}>`];
    const piece = JSON.parse(data) as { text?: string; base64?: string };
    return [piece.text ?? Buffer.from(piece.base64 ?? '', 'base64').toString('latin1')];
  });
  return parts.join('');
}

const END = '<end>';
const because = (heard: Heard): unknown => JSON.parse(heard.events.at(-1)?.data ?? '{}').because;

t.test('what is written is told, and the end when all was', async (t) => {
  const job = await aRunningJob(t);
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  await job.look();
  writeFileSync(job.log, 'one\n');
  await job.look();
  await job.until('the first line', () => written(heard) === 'one\n');
  appendFileSync(job.log, 'two\r\u001b[31mred\u2028\n\nevent: end\ndata: {}\n\n');
  await job.look();
  appendFileSync(job.log, 'last');
  await endJob(job, job.id);
  await job.look();
  await job.until('the end', () => heard.isOver());
  t.equal(
    written(heard),
    `one\ntwo\r\u001b[31mred\u2028\n\nevent: end\ndata: {}\n\nlast${END}`,
    'and nothing in it ends the stream',
  );
  t.equal(because(heard), 'complete');
});

t.test('characters that are written in parts come whole; what is no text, as it is', async (t) => {
  const job = await aRunningJob(t);
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  const euro = Buffer.from('€');
  writeFileSync(job.log, Buffer.concat([Buffer.from('a'), euro.subarray(0, 2)]));
  await job.look();
  await job.until('the letter', () => written(heard) === 'a');
  appendFileSync(job.log, euro.subarray(2));
  await job.look();
  await job.until('the sign', () => written(heard) === 'a€');
  appendFileSync(job.log, Buffer.from([0xff, 0xfe, 0x41, 0xe2]));
  await job.look();
  await endJob(job, job.id);
  await job.look();
  await job.until('the end', () => heard.isOver());
  const told = heard.events.slice(2, -1).map(({ data }) => JSON.parse(data));
  const bytes = Buffer.concat(told.map(({ base64 }) => Buffer.from(base64, 'base64')));
  t.same([...bytes], [0xff, 0xfe, 0x41, 0xe2]);
});

t.test('who comes back goes on at the byte', async (t) => {
  const job = await aRunningJob(t);
  writeFileSync(job.log, 'one\n');
  const first = await job.open(`task/${job.id}/log?follow=1`);
  await job.look();
  await job.until('the first line', () => first.events.length === 1);
  const id = first.events[0]?.id ?? '';
  t.match(readPlace(id), { offset: 4 });
  first.leave();
  appendFileSync(job.log, 'two\n');
  for (const again of [
    await job.open(`task/${job.id}/log?follow=1`, { headers: { 'last-event-id': id } }),
    await job.open(`task/${job.id}/log?follow=1&last_event_id=${id}`),
    await job.open(`task/${job.id}/log?follow=1&from=4`),
    await job.open(`task/${job.id}/log?tail=4`),
  ]) {
    await job.look();
    await job.until('the rest', () => written(again).startsWith('two\n'));
  }
  for (const bad of ['from=-1', 'from=x', 'tail=1e3', 'stream=../etc/passwd', 'last_event_id=7'])
    t.equal((await job.open(`task/${job.id}/log?${bad}`)).answer.statusCode, 400, bad);
});

t.test('a file that shrinks or is another one is told', async (t) => {
  const job = await aRunningJob(t);
  writeFileSync(job.log, 'a long line\n');
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  await job.until('the line', () => written(heard) === 'a long line\n');
  truncateSync(job.log, 0);
  appendFileSync(job.log, 'anew\n');
  await job.look();
  await job.until('what stands there now', () => written(heard).endsWith('anew\n'));
  renameSync(job.log, join(job.folder, 'mine'));
  writeFileSync(job.log, 'another\n');
  await job.look();
  await job.until('the other one', () => written(heard).endsWith('another\n'));
  t.equal(written(heard), 'a long line\n<truncated>anew\n<replaced>another\n');
});

t.test('of a launch that ended, the last words come before the next launch’s', async (t) => {
  const job = await aRunningJob(t);
  writeFileSync(job.log, 'first ');
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  await job.look();
  await job.until('its beginning', () => written(heard) === 'first ');
  appendFileSync(job.log, 'last words\n');
  renameSync(job.log, `${job.log}-1`);
  writeFileSync(job.log, 'second\n');
  await job.look();
  await job.until('the second', () => written(heard).endsWith('second\n'));
  t.equal(written(heard), 'first last words\n<replaced>second\n');
});

t.test('a job that is over is told whole, in pieces', async (t) => {
  const job = await aRunningJob(t);
  const long = '0123456789abcde\n'.repeat(20_000);
  writeFileSync(job.log, long);
  await endJob(job, job.id);
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  await job.until('the end', () => heard.isOver());
  t.ok(written(heard) === `${long}${END}`, 'letter by letter');
  t.ok(heard.events.length > 4, 'in pieces');
});

t.test('a slow reader gets everything, and keeps little waiting', async (t) => {
  const job = await aRunningJob(t);
  const long = '0123456789abcde\n'.repeat(700_000);
  writeFileSync(job.log, long);
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  heard.answer.pause();
  const held = () => process.memoryUsage().rss;
  const before = held();
  for (let n = 0; n < 20; n++) await job.look();
  t.ok(held() - before < 60e6, 'not the whole file');
  await endJob(job, job.id);
  heard.answer.resume();
  await waitFor('the end', 30_000, async () => {
    await job.look();
    return heard.isOver();
  });
  t.ok(written(heard) === `${long}${END}`, 'letter by letter');
});

t.test('without following, what is there now', async (t) => {
  const job = await aRunningJob(t);
  const none = await job.open(`task/${job.id}/log?stream=god.err`);
  await job.until('the end', () => none.isOver());
  t.equal(because(none), 'missing');
  writeFileSync(job.log, 'so far');
  const heard = await job.open(`task/${job.id}/log`);
  await job.until('the end', () => heard.isOver());
  t.equal(written(heard), `so far${END}`);
});

t.test('a file that comes late is waited for, not for ever', async (t) => {
  const job = await aRunningJob(t);
  await endJob(job, job.id);
  const late = await job.open(`task/${job.id}/log?follow=1`);
  const never = await job.open(`task/${job.id}/log?follow=1&stream=god.err`);
  await job.time.pass(10_000);
  writeFileSync(job.log, 'here');
  await job.look();
  await job.until('the end', () => late.isOver());
  t.equal(written(late), `here${END}`);
  t.notOk(never.isOver());
  await job.time.pass(LOG_LATE_MS_MAX);
  await job.until('the end', () => never.isOver());
  t.equal(because(never), 'missing');
});

t.test('the end is noticed though nobody tells of it', async (t) => {
  const job = await aRunningJob(t);
  writeFileSync(job.log, 'x');
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  await job.until('the letter', () => written(heard) === 'x');
  await endJob({ ...job, tell: async () => {} }, job.id);
  await job.time.pass(LOG_JOB_EACH_MS + LOG_LOOK_EACH_MS);
  await job.until('the end', () => heard.isOver());
  t.equal(because(heard), 'complete');
});

t.test('links lead nowhere, at the start and later', async (t) => {
  const job = await aRunningJob(t);
  writeFileSync(job.log, 'x');
  const heard = await job.open(`task/${job.id}/log?follow=1`);
  await job.until('the letter', () => written(heard) === 'x');
  unlinkSync(job.log);
  symlinkSync('/etc/passwd', job.log);
  await job.look();
  await job.until('the end', () => heard.isOver());
  t.equal(written(heard), `x${END}`);
  t.equal(because(heard), 'trouble');
  t.equal((await job.open(`task/${job.id}/log?follow=1`)).answer.statusCode, 400);
});

t.test('a key that is revoked ends it; so does the stop of the server', async (t) => {
  const job = await aRunningJob(t);
  const mine = await job.open(`task/${job.id}/log?follow=1`);
  const admins = await job.open(`task/${job.id}/log?follow=1`, {
    token: await job.tokenOf('root'),
  });
  const others = await job.open(`task/${job.id}/log?follow=1`, { token: await job.tokenOf('bob') });
  t.equal(others.answer.statusCode, 404);
  await job.store.changeUser(userId('alice'), (user) => user && { ...user, keys: [] });
  await job.time.pass(EVENTS_BEAT_MS + 10);
  await job.until('the end', () => mine.isOver());
  t.equal(because(mine), 'signed-out');
  t.notOk(admins.isOver());
  await job.deps.streams.stop();
  await job.until('the end', () => admins.isOver());
  t.equal(because(admins), 'stopping');
});

t.test('one user follows so many logs', async (t) => {
  const job = await aRunningJob(t);
  for (let n = 0; n < LOG_FOLLOWERS_PER_USER_MAX; n++)
    await job.open(`task/${job.id}/log?follow=1`);
  const refused = await job.open(`task/${job.id}/log?follow=1`);
  t.equal(refused.answer.statusCode, 429);
});
