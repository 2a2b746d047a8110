import t from 'tap';
import type { LaunchAnswer } from '../../src/contracts/cluster.js';
import { agentId, offerId, taskId } from '../../src/core/units.js';
import type { TaskStatus } from '../../src/mesos/messages.js';
import type { Answer } from '../../src/mesos/transport.js';
import { aBatch, anOffer, type Sent, Stage, settle, TAKEN } from './stage.js';

const theKill = (id: string) => ({ taskId: taskId(id), agentId: agentId('a1'), graceMs: 2_000 });
const types = (sent: readonly Sent[]) => sent.map(({ call }) => call.type);
const answered = (status: number, text = ''): Answer => ({
  kind: 'answered',
  status,
  location: null,
  text,
});
const UNANSWERED: Answer = { kind: 'unanswered', because: 'timeout' };

/** The only call sent since the last look. */
function only(stage: Stage): Sent {
  const [sent, ...more] = stage.sent();
  if (sent === undefined || more.length > 0) throw new Error('expected exactly one call');
  return sent;
}

t.test('SUBSCRIBE says who we are, with all we rely on', async (t) => {
  const stage = await new Stage('f1').up();
  t.match(stage.stream.call, {
    type: 'SUBSCRIBE',
    framework_id: { value: 'f1' },
    subscribe: {
      framework_info: {
        id: { value: 'f1' },
        user: 'root',
        principal: 'p',
        roles: ['god'],
        checkpoint: true,
        failover_timeout: 604_800,
        labels: { labels: [{ key: 'site', value: 'x' }] },
        capabilities: [
          { type: 'PARTITION_AWARE' },
          { type: 'MULTI_ROLE' },
          { type: 'RESERVATION_REFINEMENT' },
          { type: 'GPU_RESOURCES' },
          { type: 'TASK_KILLING_STATE' },
        ],
      },
    },
  });
  t.match(stage.stream.post.headers, {
    accept: 'application/json',
    'content-type': 'application/json',
    authorization: `Basic ${Buffer.from('p:s').toString('base64')}`,
  });
  t.notOk('mesos-stream-id' in stage.stream.post.headers);
});

t.test('the framework id is durable before the first offer is known', async (t) => {
  const stage = new Stage();
  let saved: () => void = () => {};
  stage.saving = new Promise((resolve) => {
    saved = resolve;
  });
  await stage.up();
  t.notOk(stage.stream.call.framework_id, 'the first SUBSCRIBE has no id');
  stage.offer('o1');
  await settle();
  t.strictSame(stage.notes.words, []);
  saved();
  await settle();
  t.strictSame(stage.notes.words, ['connected f1 new', 'offers o1']);
  t.strictSame(stage.saved, ['f1']);
});

t.test('an id that cannot be stored is not used, and not forgotten', async (t) => {
  const stage = new Stage();
  stage.saving = Promise.reject(new Error('disk full'));
  stage.saving.catch(() => undefined); // Node must not see it as unhandled before it is awaited.
  await stage.up();
  stage.offer('o1');
  t.strictSame(stage.notes.words, []);
  t.ok(stage.stream.isClosed);
  stage.saving = Promise.resolve();
  await stage.ring();
  t.strictSame(stage.stream.call.framework_id, { value: 'f1' }, 'no second framework is made');
  await stage.subscribed('s2');
  t.match(stage.notes.words, [/^connected f1/]);
});

t.test('a known id is not stored again', async (t) => {
  const stage = await new Stage('f1').up();
  t.strictSame(stage.saved, []);
  t.strictSame(stage.notes.words, ['connected f1']);
});

t.test('ACCEPT uses up offers of an agent; what is left comes back at once', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  stage.offer('o2');
  const launched = stage.framework.launch([aBatch(['o1', 'o2'], 7, 8)]);
  const accept = only(stage);
  t.equal(accept.lane, 'launches');
  t.equal(accept.streamId, 's1');
  t.match(accept.call, {
    framework_id: { value: 'f1' },
    accept: {
      offer_ids: [{ value: 'o1' }, { value: 'o2' }],
      filters: { refuse_seconds: 0 },
      operations: [{ type: 'LAUNCH', launch: { task_infos: [{}, {}] } }],
    },
  });
  await accept.answer(TAKEN);
  t.strictSame(await launched, ['sent']);
});

t.test('an offer is used once', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  const launched = stage.framework.launch([aBatch(['o1'], 7), aBatch(['o1'], 8)]);
  await only(stage).answer(TAKEN);
  t.strictSame(await launched, ['sent', 'refused']);
});

t.test('a rescinded offer refuses the launch; its companions go back', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  stage.offer('o2');
  stage.say({ type: 'RESCIND', rescind: { offer_id: { value: 'o1' } } });
  t.strictSame(await stage.framework.launch([aBatch(['o1', 'o2'], 7)]), ['refused']);
  t.match(only(stage).call, { type: 'DECLINE', decline: { offer_ids: [{ value: 'o2' }] } });
  t.equal(stage.notes.words.at(-1), 'rescinded o1');
});

t.test('a batch that mixes agents or roles is a bug', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1', { agent_id: { value: 'a2' } });
  await t.rejects(stage.framework.launch([aBatch(['o1'], 7)]), { name: 'Bug' });
  stage.offer('o2', { allocation_info: { role: 'other' } });
  await t.rejects(stage.framework.launch([aBatch(['o2'], 7)]), { name: 'Bug' });
  t.strictSame(stage.sent(), []);
});

t.test('KILL and RECONCILE wait for the answer to their ACCEPT', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  void stage.framework.launch([aBatch(['o1'], 7)]);
  const accept = only(stage);
  stage.framework.kill(theKill('7-1'));
  stage.framework.kill(theKill('9-1'));
  stage.framework.reconcile([theKill('7-1'), theKill('9-1')]);
  const others = stage.sent();
  t.strictSame(types(others), ['KILL', 'RECONCILE']);
  t.match(others[0]?.call.kill, { task_id: { value: '9-1' } });
  t.strictSame(others[1]?.call.reconcile, {
    tasks: [{ task_id: { value: '9-1' }, agent_id: { value: 'a1' } }],
  });
  await accept.answer(TAKEN);
  const after = stage.sent();
  t.strictSame(types(after), ['KILL', 'RECONCILE']);
  t.match(after[0]?.call.kill, {
    task_id: { value: '7-1' },
    kill_policy: { grace_period: { nanoseconds: 2_000_000_000 } },
  });
});

t.test(
  'an ACCEPT without an answer is in doubt: nothing about it before the next stream',
  async (t) => {
    const stage = await new Stage('f1').up();
    stage.offer('o1');
    const launched = stage.framework.launch([aBatch(['o1'], 7)]);
    stage.framework.reconcile([theKill('7-1')]);
    await only(stage).answer(UNANSWERED);
    t.strictSame(await launched, ['doubt']);
    stage.framework.kill(theKill('7-1'));
    await settle();
    t.strictSame(stage.sent(), [], 'a late ACCEPT could overtake them');
    stage.framework.resubscribe('a launch is in doubt');
    await stage.ring();
    await stage.subscribed('s2');
    const sent = stage.sent();
    t.strictSame(types(sent), ['RECONCILE', 'KILL']);
    t.ok(sent.every(({ streamId }) => streamId === 's2'));
    t.notOk(
      stage.wire.sent.some(({ call }) => call.type === 'ACCEPT'),
      'never repeated',
    );
  },
);

for (const order of ['before', 'after'] as const)
  t.test(
    `an update ${order} the missing answer: the ACCEPT has arrived, kills go out`,
    async (t) => {
      const stage = await new Stage('f1').up();
      stage.offer('o1');
      const launched = stage.framework.launch([aBatch(['o1'], 7)]);
      const accept = only(stage);
      const runs = (reason?: 'REASON_RECONCILIATION') =>
        stage.say({
          type: 'UPDATE',
          update: {
            status: {
              task_id: { value: '7-1' },
              agent_id: { value: 'a1' },
              state: 'TASK_RUNNING',
              ...(reason === undefined ? {} : { reason }),
            },
          },
        });
      if (order === 'before') runs();
      else runs('REASON_RECONCILIATION');
      await accept.answer(UNANSWERED);
      t.strictSame(await launched, ['doubt']);
      stage.framework.kill(theKill('7-1'));
      await settle();
      if (order === 'after') {
        t.strictSame(stage.sent(), [], 'an answer to a reconciliation proves nothing');
        runs();
        await settle();
      }
      t.strictSame(types(stage.sent()), ['KILL']);
    },
  );

const ANSWERS: Record<string, readonly [Answer, LaunchAnswer, boolean]> = {
  '202': [TAKEN, 'sent', false],
  'another stream is current': [
    answered(400, "The stream ID 'x' included in this request didn't match"),
    'refused',
    true,
  ],
  'the framework is unknown': [answered(400, 'Framework cannot be found'), 'refused', true],
  'the call is bad': [answered(400, 'Failed to validate scheduler::Call'), 'refused', false],
  'we are not subscribed': [answered(403, 'Framework is not subscribed'), 'refused', true],
  'credentials are gone': [answered(401), 'refused', true],
  'another master leads': [answered(307), 'refused', true],
  'the master starts': [answered(503), 'refused', true],
  'the master stumbles': [answered(500), 'doubt', false],
  'no connection': [{ kind: 'unsent', because: 'ECONNREFUSED' }, 'refused', true],
  'no answer': [UNANSWERED, 'doubt', false],
};

for (const [name, [answer, expected, isOver]] of Object.entries(ANSWERS))
  t.test(`ACCEPT when ${name}: ${expected}${isOver ? ', and a new stream' : ''}`, async (t) => {
    const stage = await new Stage('f1').up();
    stage.offer('o1');
    const launched = stage.framework.launch([aBatch(['o1'], 7)]);
    await only(stage).answer(answer);
    t.strictSame(await launched, [expected]);
    t.equal(stage.stream.isClosed, isOver);
    const counted = { sent: [], refused: ['calls_refused'], doubt: ['calls_in_doubt'] }[expected];
    t.same(
      stage.counted.filter((what) => what.startsWith('calls')),
      counted,
    );
    // Refused on a stream that lives on: the master still counts the offer as ours.
    t.strictSame(types(stage.sent()), expected === 'refused' && !isOver ? ['DECLINE'] : []);
  });

t.test('an answer to an older stream does not end the new one', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  const launched = stage.framework.launch([aBatch(['o1'], 7)]);
  const accept = only(stage);
  stage.framework.resubscribe('test');
  await stage.ring();
  await stage.subscribed('s2');
  await accept.answer(answered(400, "The stream ID 's1' …"));
  t.strictSame(await launched, ['refused']);
  t.notOk(stage.stream.isClosed);
});

t.test('a new stream voids all offers, without RESCIND', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  stage.stream.listener.ended('reset');
  await stage.ring();
  await stage.subscribed('s2');
  t.strictSame(await stage.framework.launch([aBatch(['o1'], 7)]), ['refused']);
  stage.framework.decline([offerId('o1')], 5_000);
  t.strictSame(stage.sent(), []);
  t.strictSame(stage.notes.words, [
    'connected f1',
    'offers o1',
    'disconnected: reset',
    'connected f1',
  ]);
});

t.test('a closed stream is not listened to, not even the rest of the same chunk', async (t) => {
  const stage = await new Stage('f1').up();
  stage.say(
    { type: 'ERROR', error: { message: 'Framework failed over' } },
    { type: 'OFFERS', offers: { offers: [anOffer('o1')] } },
  );
  t.strictSame(stage.notes.words, [
    'connected f1',
    'disconnected: Framework failed over',
    'refused: Framework failed over',
  ]);
});

t.test('offers are declined, suppressed, revived in order', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  stage.framework.decline([offerId('o1'), offerId('unknown')], 5_000);
  stage.framework.suppress();
  stage.framework.revive();
  const sent = stage.sent();
  t.ok(sent.every(({ lane }) => lane === 'orders'));
  t.strictSame(types(sent), ['DECLINE', 'SUPPRESS', 'REVIVE']);
  t.strictSame(sent[0]?.call.decline, {
    offer_ids: [{ value: 'o1' }],
    filters: { refuse_seconds: 5 },
  });
});

const aStatus = (more: Partial<TaskStatus> = {}): TaskStatus => ({
  task_id: { value: '7-1' },
  state: 'TASK_RUNNING',
  agent_id: { value: 'a1' },
  uuid: 'AAAA',
  ...more,
});

t.test(
  'an update is acknowledged when we say so, with its own uuid, on its own lane',
  async (t) => {
    const stage = await new Stage('f1').up();
    stage.say({ type: 'UPDATE', update: { status: aStatus() } });
    t.strictSame(stage.sent(), [], 'not before it is stored');
    const [update] = stage.notes.updates;
    if (update === undefined) throw new Error('no update');
    stage.framework.acknowledge(update);
    const { lane, call } = only(stage);
    t.equal(lane, 'receipts');
    t.strictSame(call.acknowledge, {
      agent_id: { value: 'a1' },
      task_id: { value: '7-1' },
      uuid: 'AAAA',
    });
  },
);

t.test('an update without uuid is never acknowledged', async (t) => {
  const stage = await new Stage('f1').up();
  const { uuid: _, ...status } = aStatus();
  stage.say({ type: 'UPDATE', update: { status } });
  for (const update of stage.notes.updates) stage.framework.acknowledge(update);
  t.equal(stage.notes.updates.length, 1);
  t.strictSame(stage.sent(), []);
});

t.test('agents that fail are told', async (t) => {
  const stage = await new Stage('f1').up();
  stage.say({ type: 'FAILURE', failure: { agent_id: { value: 'a1' } } });
  t.equal(stage.notes.words.at(-1), 'agentFailed a1');
});

t.test('implicit reconciliation names no task', async (t) => {
  const stage = await new Stage('f1').up();
  stage.framework.reconcile([]);
  t.strictSame(only(stage).call.reconcile, {});
});

t.test('a long reconciliation is asked for in parts', async (t) => {
  const stage = await new Stage('f1').up();
  stage.framework.reconcile(Array.from({ length: 2_500 }, (_, n) => theKill(`${n + 1}-1`)));
  const sent = stage.sent().map(({ call }) => call.reconcile?.tasks ?? []);
  t.strictSame(
    sent.map((tasks) => tasks.length),
    [1_000, 1_000, 500],
  );
  t.equal(new Set(sent.flat().map((task) => task.task_id.value)).size, 2_500);
});

t.test('without a stream commands are lost, not queued', async (t) => {
  const stage = await new Stage('f1').up();
  stage.stream.listener.ended('reset');
  stage.framework.kill(theKill('7-1'));
  stage.framework.reconcile([]);
  stage.framework.revive();
  t.strictSame(await stage.framework.launch([aBatch(['o1'], 7)]), ['refused']);
  t.strictSame(stage.sent(), []);
});

t.test('a record is waited for; a broken length costs the stream', async (t) => {
  const stage = await new Stage('f1').up();
  stage.stream.listener.bytes(Buffer.from('20\n{"type"'));
  t.notOk(stage.stream.isClosed);
  stage.stream.listener.bytes(Buffer.from(':"HEARTBEAT"}nonsense\n'));
  t.ok(stage.stream.isClosed);
  t.match(stage.notes.words.at(-1), /^disconnected: bad length/);
});

t.test('stop leaves: the stream closes, nothing is reported any more', async (t) => {
  const stage = await new Stage('f1').up();
  await stage.framework.stop();
  t.ok(stage.stream.isClosed);
  t.strictSame(stage.notes.words, ['connected f1']);
  t.strictSame(stage.sent(), [], 'no TEARDOWN: tasks live on');
});

t.test('stop lets calls under way be answered, but not for ever', async (t) => {
  const stage = await new Stage('f1').up();
  stage.framework.kill(theKill('7-1'));
  stage.framework.kill(theKill('8-1'));
  const [first] = stage.sent();
  const stopped = stage.framework.stop();
  await first?.answer(TAKEN);
  t.notOk(stage.stream.isClosed, 'the second one is still under way');
  await stage.ring();
  await stopped;
  t.ok(stage.stream.isClosed);
});

t.test('start is done when the first attempt failed', async (t) => {
  const stage = new Stage();
  const started = stage.framework.start(stage.notes);
  await settle();
  stage.stream.listener.ended('connect ECONNREFUSED');
  await started;
  t.strictSame(stage.notes.words, []);
  await stage.ring();
  t.equal(stage.stream.post.target.origin, 'http://m2:5050', 'the next master is tried');
});

t.test(
  'a DECLINE without an answer is said again on the same stream, and not on another',
  async (t) => {
    const stage = await new Stage().up();
    stage.offer('o1');
    stage.framework.decline([offerId('o1')], 5_000);
    const [first] = stage.sent().filter(({ call }) => call.type === 'DECLINE');
    await first?.answer({ kind: 'unanswered', because: 'timeout' });
    await stage.ring();
    const [second] = stage.sent().filter(({ call }) => call.type === 'DECLINE');
    t.same(second?.call, first?.call);
    await second?.answer({ kind: 'unanswered', because: 'timeout' });
    stage.stream.listener.ended('cut');
    await stage.ring();
    t.same(
      stage.sent().filter(({ call }) => call.type === 'DECLINE'),
      [],
    );
  },
);
