// A master wants agents back: what we answer, with the questions of a real one.
import t from 'tap';
import { decodeEvent, JSON_TYPE } from '../../src/mesos/codec.js';
import { Stage, settle } from './stage.js';
import { records, transcript } from './transcript.js';

const recorded = records(transcript('maintenance-subscribe-mesos-1.12.0.recordio')).map((bytes) =>
  decodeEvent(bytes, JSON_TYPE),
);
/** The window's begin, as recorded in nanoseconds, to the millisecond. */
const FROM = 1_795_223_460_119;

t.test('agents on which all ends in time may leave, the others may not', async (t) => {
  const stage = await new Stage('f1').up();
  const agents = recorded.flatMap(({ inverse_offers: asked }) =>
    (asked?.inverse_offers ?? []).map(({ agent_id }) => agent_id?.value ?? ''),
  );
  t.equal(agents.length, 2);
  stage.notes.staying.set(agents[1] ?? '', 3);
  for (const event of recorded.slice(1)) {
    stage.say(event);
    await settle();
  }
  t.strictSame(
    stage.notes.words.filter((word) => word.startsWith('mayLeave')),
    agents.map((agent) => `mayLeave ${agent} ${FROM}`),
  );
  const answers = stage.sent().map(({ call }) => call);
  t.match(answers, [
    {
      type: 'ACCEPT_INVERSE_OFFERS',
      accept_inverse_offers: {
        inverse_offer_ids: [{ value: /-O104$/ }],
        filters: { refuse_seconds: 60 },
      },
    },
    {
      type: 'DECLINE_INVERSE_OFFERS',
      decline_inverse_offers: {
        inverse_offer_ids: [{ value: /-O106$/ }],
        filters: { refuse_seconds: 60 },
      },
    },
  ]);
});

t.test(
  'several questions in one event get one answer of each kind; one about no agent is about all',
  async (t) => {
    const stage = await new Stage('f1').up();
    stage.notes.staying.set('a2', 1);
    stage.notes.staying.set(null, 1);
    const ask = (id: string, agent: string | null, startNs = 5_000_000) => ({
      id: { value: id },
      framework_id: { value: 'f1' },
      ...(agent === null ? {} : { agent_id: { value: agent } }),
      unavailability: { start: { nanoseconds: startNs } },
    });
    const inverse_offers = [ask('i1', 'a1'), ask('i2', 'a2'), ask('i3', 'a3', -1), ask('i4', null)];
    stage.say({ type: 'INVERSE_OFFERS', inverse_offers: { inverse_offers } });
    await settle();
    t.strictSame(
      stage.notes.words.filter((word) => word.startsWith('mayLeave')),
      ['mayLeave a1 5', 'mayLeave a2 5', 'mayLeave a3 0', 'mayLeave null 5'],
      'a window without a usable start counts as begun',
    );
    const sent = stage.sent().map(({ call }) => call);
    t.strictSame(sent[0]?.accept_inverse_offers?.inverse_offer_ids, [
      { value: 'i1' },
      { value: 'i3' },
    ]);
    t.strictSame(sent[1]?.decline_inverse_offers?.inverse_offer_ids, [
      { value: 'i2' },
      { value: 'i4' },
    ]);
    stage.say({
      type: 'RESCIND_INVERSE_OFFER',
      rescind_inverse_offer: { inverse_offer_id: { value: 'i1' } },
    });
    await settle();
    t.strictSame(stage.sent(), [], 'nothing was promised');
  },
);
