// A leader whose time is over, as after a long sleep, says not one word more to the master.
import t from 'tap';
import { agentId, offerId, taskId } from '../../src/core/units.js';
import { aBatch, Stage, settle, TAKEN } from './stage.js';

const KILL = { taskId: taskId('7-1'), agentId: agentId('a1'), graceMs: 2_000 };

t.test('nothing is sent by a framework that may not act', async (t) => {
  const stage = await new Stage('f1').up();
  stage.offer('o1');
  stage.offer('o2');
  stage.sent();
  stage.isLeader = false;
  t.same(await stage.framework.launch([aBatch(['o1'], 1)]), ['refused']);
  stage.framework.kill(KILL);
  stage.framework.decline([offerId('o2')], 1_000);
  stage.framework.revive();
  stage.framework.suppress();
  stage.framework.reconcile([]);
  await settle();
  t.same(stage.sent(), []);
});

t.test('nor does it subscribe: that would end the subscription of the one who leads', async (t) => {
  const stage = await new Stage('f1').up();
  stage.isLeader = false;
  stage.framework.resubscribe('a launch is in doubt');
  await settle();
  t.equal(stage.wire.streams.length, 1);
  const later = await new Stage('f1').up();
  later.stream.listener.ended('the master ended the stream');
  later.isLeader = false;
  await later.ring();
  t.equal(later.wire.streams.length, 1, 'not after the back-off either');
});

t.test('a stop at once waits for no answer and gives up what is under way', async (t) => {
  const stage = await new Stage('f1').up();
  stage.framework.kill(KILL);
  const [call] = stage.sent();
  const stopped = stage.framework.stop({ isAtOnce: true });
  t.ok(stage.stream.isClosed, 'closed before anything else can happen');
  t.same(stage.wire.closings, [true]);
  await stopped;
  await call?.answer(TAKEN);
  stage.framework.kill(KILL);
  t.same(stage.sent(), []);
});
