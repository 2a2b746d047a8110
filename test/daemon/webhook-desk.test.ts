// Calls that jobs left: made at least once, tried again ever later, given up in the end, and no user's service holds up another's.
import { createHmac } from 'node:crypto';
import t from 'tap';
import {
  WEBHOOK_AGAIN_MS_MIN,
  WEBHOOK_GIVEN_UP_MS,
  WEBHOOKS_PER_USER_MAX,
} from '../../src/contracts/limits.js';
import { SILENT } from '../../src/contracts/log.js';
import type { WebhookAnswer, WebhookRequest } from '../../src/contracts/webhook.js';
import { aftermathOf } from '../../src/core/aftermath.js';
import type { Job } from '../../src/core/job.js';
import { jobId, userId } from '../../src/core/units.js';
import { WebhookDesk } from '../../src/daemon/webhook-desk.js';
import { aNewJob, aSpec, ended, launched, pendingJob, started } from '../store/a-job.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryStore } from '../support/memory-store.js';

const URL_ = 'https://hooks.example.org/';

async function aStory(events: readonly ('start' | 'end')[] = ['start', 'end']) {
  const store = new MemoryStore();
  const spec = { ...aSpec(), webhook: { url: URL_, events } };
  await store.submit([aNewJob({ spec })]);
  const pending = await pendingJob(store, jobId(1));
  const launching = launched(pending);
  const running = started(launching);
  return { pending, launching, running, over: ended(running, 3) };
}

function aDesk(answers: (request: WebhookRequest) => WebhookAnswer | Promise<WebhookAnswer>) {
  const time = new FakeTime();
  const sent: WebhookRequest[] = [];
  const done: string[] = [];
  const trouble = { isAway: false };
  const desk = new WebhookDesk({
    ...{ clock: time, log: SILENT, secretOf: async (user) => `secret of ${user}` },
    store: {
      aftermathDone: async (all) => {
        if (trouble.isAway) throw new Error('away');
        for (const { id, names } of all) done.push(`${id} ${names.join(' ')}`);
      },
    },
    send: async (request) => {
      sent.push(request);
      return answers(request);
    },
  });
  const left = (job: Job, at = time.now()) => ({
    name: `webhook-end-${job.launches}`,
    call: { event: 'end' as const, launch: job.launches, at },
  });
  return { desk, time, sent, done, trouble, left };
}

t.test('a start and an end leave calls, where they are asked for', async (t) => {
  const { pending, launching, running, over } = await aStory();
  const at = FAR;
  const names = (before: Job, to: Job) => aftermathOf(before, to, at).map(({ name }) => name);
  t.same(names(pending, launching), []);
  t.same(names(launching, running), ['webhook-start-1']);
  t.same(names(running, running), [], 'a repeat');
  t.same(names(running, over), ['account-1', 'webhook-end-1']);
  const only = await aStory(['end']);
  t.same(aftermathOf(only.launching, only.running, at), []);
});
const FAR = new FakeTime().now();

t.test('a call is signed, made and taken off the record', async (t) => {
  const { over } = await aStory();
  const { desk, time, sent, done, left } = aDesk(() => ({ kind: 'done' }));
  desk.take(over, left(over));
  await time.pass(0);
  t.same(done, ['1 webhook-end-1']);
  const [{ url, headers, body } = { url: '', headers: {}, body: '' }] = sent;
  t.equal(url, URL_);
  t.match(JSON.parse(body), {
    delivery: '1-1-end',
    event: 'job.end',
    job: { id: 1, user: over.owner, outcome: 'exited', exitcode: 3 },
  });
  const said = headers as Record<string, string>;
  t.equal(said['x-godocker-delivery'], '1-1-end');
  const [, seconds, hex] =
    /^t=(\d+),v1=([\da-f]{64})$/.exec(said['x-godocker-signature'] ?? '') ?? [];
  const hmac = createHmac('sha256', `secret of ${over.owner}`).update(`${seconds}.${body}`);
  t.equal(hex, hmac.digest('hex'));
  t.same(desk.counts, { made: 1, givenUp: 0 });
});

t.test('a call that fails is made again, later and later, then given up', async (t) => {
  const { over } = await aStory();
  const { desk, time, sent, done, left } = aDesk(() => ({ kind: 'failed', because: '503' }));
  const call = left(over);
  for (let pauseMs = WEBHOOK_AGAIN_MS_MIN; pauseMs < 100_000; pauseMs *= 2) {
    const before = sent.length;
    desk.take(over, call);
    await time.pass(0);
    t.equal(sent.length, before + 1);
    t.notOk(desk.isDue(over.id, call));
    await time.pass(pauseMs - 1);
    t.notOk(desk.isDue(over.id, call), 'not yet');
    await time.pass(1);
    t.ok(desk.isDue(over.id, call), 'now');
  }
  t.same(done, []);
  await time.pass(WEBHOOK_GIVEN_UP_MS);
  desk.take(over, call);
  await time.pass(0);
  t.same(done, ['1 webhook-end-1']);
  t.match(desk.counts, { made: 0, givenUp: 1 });
  t.equal(new Set(sent.map(({ headers }) => headers['x-godocker-delivery'])).size, 1, 'one id');
});

t.test('what may never be called is not tried again', async (t) => {
  const { over } = await aStory();
  const { desk, time, done, left } = aDesk(() => ({ kind: 'refused', because: 'private' }));
  desk.take(over, left(over));
  await time.pass(0);
  t.same(done, ['1 webhook-end-1']);
});

t.test('a record that cannot be written keeps the call', async (t) => {
  const { over } = await aStory();
  const { desk, time, sent, done, trouble, left } = aDesk(() => ({ kind: 'done' }));
  trouble.isAway = true;
  desk.take(over, left(over));
  await time.pass(WEBHOOK_AGAIN_MS_MIN);
  trouble.isAway = false;
  desk.take(over, left(over));
  await time.pass(0);
  t.same(done, ['1 webhook-end-1']);
  t.equal(sent.length, 2, 'at least once');
});

t.test('one user’s slow service holds up nobody else’s', async (t) => {
  const { over } = await aStory();
  const open: ((answer: WebhookAnswer) => void)[] = [];
  const { desk, time, sent, left } = aDesk(() => new Promise((resolve) => open.push(resolve)));
  for (let n = 1; n <= 10; n++) {
    const job = { ...over, id: jobId(n) };
    desk.take(job, left(job));
    desk.take(job, left(job));
  }
  await time.pass(0);
  t.equal(sent.length, WEBHOOKS_PER_USER_MAX);
  const bobs = { ...over, id: jobId(50), owner: userId('bob') };
  desk.take(bobs, left(bobs));
  await time.pass(0);
  t.equal(sent.length, WEBHOOKS_PER_USER_MAX + 1);
  for (const answer of open) answer({ kind: 'done' });
  await desk.stop();
  t.equal(desk.counts.made, WEBHOOKS_PER_USER_MAX + 1);
});
