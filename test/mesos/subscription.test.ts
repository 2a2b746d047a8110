import t from 'tap';
import { BACKOFF_MS_MAX, REDIRECTS_MAX } from '../../src/contracts/limits.js';
import type { Event } from '../../src/mesos/messages.js';
import {
  backoffMs,
  type Effect,
  IDLE,
  type Input,
  redirected,
  type Subscription,
  step,
  targetOf,
} from '../../src/mesos/subscription.js';

const [m1, m2] = [targetOf('m1:5050'), targetOf('https://m2:5051')];

/** One subscription, its effects since the last look, and a clock that stands still unless told. */
class Life {
  state: Subscription = IDLE;
  nowMs = 1_000;
  masters = [m1, m2];
  #effects: Effect[] = [];

  in(...inputs: readonly Input[]): this {
    for (const input of inputs) {
      const around = { masters: this.masters, random: () => 0.999_999, nowMs: this.nowMs };
      const { state, effects } = step(this.state, input, around);
      this.state = state;
      this.#effects.push(...effects);
    }
    return this;
  }

  effects(): Effect[] {
    return this.#effects.splice(0);
  }

  kinds(): string[] {
    return this.effects().map(({ kind }) => kind);
  }
}

const start: Input = { kind: 'start' };
const timer: Input = { kind: 'timer' };
const opened: Input = { kind: 'opened', streamId: 's1' };
const event = (event: Event): Input => ({ kind: 'event', event });
const subscribed = event({
  type: 'SUBSCRIBED',
  subscribed: { framework_id: { value: 'f1' }, heartbeat_interval_seconds: 15 },
});
const ended: Input = { kind: 'ended', because: 'the master ended the stream' };
const answered = (status: number, location: string | null = null): Input => ({
  kind: 'answered',
  status,
  location,
  text: 'text',
});

const up = () => {
  const life = new Life().in(start, opened, subscribed);
  life.effects();
  return life;
};

t.test('a subscription comes about', async (t) => {
  const life = new Life().in(start);
  t.strictSame(life.effects(), [
    { kind: 'timer', afterMs: 15_000 },
    { kind: 'connect', target: m1 },
  ]);
  t.strictSame(life.in(opened).kinds(), ['timer'], '200 is not yet a subscription');
  t.strictSame(life.in(subscribed).effects(), [
    { kind: 'timer', afterMs: 75_000 },
    { kind: 'subscribed', frameworkId: 'f1', target: m1, streamId: 's1' },
  ]);
});

t.test('heartbeats only keep it alive, other events are delivered', async (t) => {
  const offers: Event = { type: 'OFFERS', offers: {} };
  const life = up().in(event({ type: 'HEARTBEAT' }), event(offers));
  t.strictSame(life.effects(), [{ kind: 'deliver', event: offers }]);
});

t.test('silence of five heartbeats ends it, not a moment earlier', async (t) => {
  const life = up();
  life.nowMs += 60_000;
  life.in(event({ type: 'HEARTBEAT' }));
  life.nowMs += 15_000;
  t.strictSame(life.in(timer).effects(), [{ kind: 'timer', afterMs: 60_000 }]);
  life.nowMs += 60_000;
  t.strictSame(life.in(timer).effects(), [
    { kind: 'close' },
    { kind: 'lost', because: 'no heartbeats' },
    { kind: 'timer', afterMs: 500 },
  ]);
});

t.test('the end of the body is the end of the subscription', async (t) => {
  t.strictSame(up().in(ended).kinds(), ['close', 'lost', 'timer']);
});

t.test('after a failure the next master is tried, and the waits grow to a ceiling', async (t) => {
  const life = new Life().in(start);
  life.effects();
  const waits: number[] = [];
  const targets: string[] = [];
  for (let round = 0; round < 7; round++) {
    for (const effect of life.in(ended).effects())
      if (effect.kind === 'timer') waits.push(effect.afterMs);
    for (const effect of life.in(timer).effects())
      if (effect.kind === 'connect') targets.push(effect.target.origin);
  }
  t.strictSame(targets.slice(0, 3), [m2.origin, m1.origin, m2.origin]);
  t.strictSame(waits, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

t.test('back-off is spread over half of its ceiling', async (t) => {
  t.equal(
    backoffMs(1, () => 0),
    250,
  );
  t.equal(
    backoffMs(40, () => 0.999_999),
    BACKOFF_MS_MAX,
  );
});

t.test('a redirect is followed at once, with the path it names', async (t) => {
  const life = new Life().in(start);
  life.effects();
  t.match(life.in(answered(307, '//m3:5060/master/api/v1/scheduler')).effects(), [
    { kind: 'timer' },
    {
      kind: 'connect',
      target: { origin: 'http://m3:5060', path: '/master/api/v1/scheduler' },
    },
  ]);
});

t.test('masters that send us in circles are left for a while', async (t) => {
  const life = new Life().in(start);
  for (let n = 0; n < REDIRECTS_MAX; n++) life.in(answered(307, '//m1:5050/x'));
  t.equal(life.state.kind, 'connecting');
  t.equal(life.in(answered(307, '//m1:5050/x')).state.kind, 'waiting');
});

t.test('where redirects lead', async (t) => {
  const path = '/api/v1/scheduler';
  t.strictSame(redirected('//h:1/p', m2), { origin: 'https://h:1', path: '/p' });
  t.strictSame(redirected('http://h:1', m1), { origin: 'http://h:1', path });
  t.strictSame(redirected('h:1', m1), { origin: 'http://h:1', path });
  t.strictSame(redirected('//[::1]:5/p', m1), { origin: 'http://[::1]:5', path: '/p' });
  t.strictSame(redirected('/other', m1), { origin: m1.origin, path: '/other' });
  for (const bad of ['//', 'ftp://h/', 'http://:x']) t.equal(redirected(bad, m1), undefined, bad);
});

t.test('an address that is none is told by name', async (t) => {
  t.throws(() => targetOf('zk://h:2181/mesos'), { code: 'bad-field' });
  t.throws(() => targetOf('a b'), { code: 'bad-field' });
  t.strictSame(targetOf('h:5050'), { origin: 'http://h:5050', path: '/api/v1/scheduler' });
});

for (const status of [404, 429, 500, 502, 503])
  t.test(`${status} passes by itself`, async (t) => {
    const life = new Life().in(start);
    life.effects();
    t.strictSame(life.in(answered(status)).kinds(), ['close', 'lost', 'timer']);
  });

for (const status of [400, 401, 403])
  t.test(`${status} needs an administrator, and is tried again slowly`, async (t) => {
    const life = new Life().in(start);
    life.effects();
    t.strictSame(life.in(answered(status)).effects(), [
      { kind: 'close' },
      { kind: 'lost', because: `${status} text` },
      { kind: 'refused', because: `${status} text` },
      { kind: 'timer', afterMs: BACKOFF_MS_MAX },
    ]);
  });

t.test('ERROR refuses, before and after SUBSCRIBED', async (t) => {
  const error = event({ type: 'ERROR', error: { message: 'Framework has been removed' } });
  const refused = { kind: 'refused', because: 'Framework has been removed' };
  const life = new Life().in(start, opened);
  life.effects();
  t.strictSame(life.in(error).effects()[2], refused);
  t.strictSame(up().in(error).effects()[2], refused);
});

t.test(
  'a first event that is not SUBSCRIBED, and a stream without an id, are no subscription',
  async (t) => {
    t.equal(new Life().in(start, opened, event({ type: 'OFFERS' })).state.kind, 'waiting');
    t.equal(new Life().in(start, { kind: 'opened', streamId: null }).state.kind, 'waiting');
  },
);

t.test('no answer, no first event: the timer ends both', async (t) => {
  t.equal(new Life().in(start, timer).state.kind, 'waiting');
  t.equal(new Life().in(start, opened, timer).state.kind, 'waiting');
});

t.test('a renewal goes back to the same master at once', async (t) => {
  const life = new Life().in(start, answered(307, '//m3:5060/x'), opened, subscribed);
  life.nowMs += 20_000;
  life.effects();
  t.strictSame(life.in({ kind: 'renew', because: 'doubt' }).effects(), [
    { kind: 'close' },
    { kind: 'lost', because: 'doubt' },
    { kind: 'timer', afterMs: 0 },
  ]);
  t.match(life.in(timer).effects()[1], { kind: 'connect', target: { origin: 'http://m3:5060' } });
});

t.test('renewals in a tight circle are slowed down', async (t) => {
  const life = up();
  const waits: number[] = [];
  for (let n = 0; n < 4; n++) {
    life.in({ kind: 'renew', because: 'again' });
    for (const effect of life.effects()) if (effect.kind === 'timer') waits.push(effect.afterMs);
    life.in(timer, opened, subscribed);
    life.effects();
  }
  t.strictSame(waits, [0, 1_000, 2_000, 4_000]);
});

t.test('a subscription that lasted clears the count of failures', async (t) => {
  const life = new Life().in(start, ended, timer, ended, timer, ended, timer, opened, subscribed);
  life.nowMs += 15_000;
  life.effects();
  t.strictSame(life.in(ended).effects()[2], { kind: 'timer', afterMs: 500 });
});

t.test('stop is final', async (t) => {
  const life = up().in({ kind: 'stop' });
  t.strictSame(life.kinds(), ['cancelTimer', 'close']);
  const late: Input[] = [start, timer, opened, subscribed, ended, { kind: 'renew', because: '' }];
  t.strictSame(life.in(...late).kinds(), []);
});

// Every state meets every input: none throws, and a late one changes nothing.
const STATES: Record<Subscription['kind'], () => Life> = {
  idle: () => new Life(),
  connecting: () => new Life().in(start),
  opened: () => new Life().in(start, opened),
  subscribed: up,
  waiting: () => new Life().in(start, ended),
  stopped: () => new Life().in({ kind: 'stop' }),
};
const MOVES: Record<Subscription['kind'], readonly Input['kind'][]> = {
  idle: ['start'],
  connecting: ['opened', 'answered', 'ended', 'timer'],
  opened: ['event', 'ended', 'timer'],
  subscribed: ['event', 'ended', 'renew', 'timer'],
  waiting: ['timer'],
  stopped: [],
};
const INPUTS: readonly Input[] = [
  start,
  opened,
  answered(503),
  event({ type: 'OFFERS', offers: {} }),
  ended,
  timer,
  { kind: 'renew', because: 'doubt' },
];
for (const [name, make] of Object.entries(STATES) as [Subscription['kind'], () => Life][])
  for (const input of INPUTS) {
    const isMove = MOVES[name].includes(input.kind);
    t.test(`${name} and ${input.kind}: ${isMove ? 'something happens' : 'nothing'}`, async (t) => {
      const life = make();
      life.effects();
      t.equal(life.state.kind, name);
      t.equal(life.in(input).effects().length > 0, isMove);
      if (!isMove) t.equal(life.state.kind, name);
    });
  }

const elected: Input = { kind: 'masters' };

t.test('masters that are found elsewhere', async (t) => {
  const life = new Life();
  life.masters = [];
  t.strictSame(life.in(start).kinds(), ['timer'], 'nobody is known yet');
  t.strictSame(life.in(timer).kinds(), ['lost', 'timer'], 'that is told, each time');
  life.masters = [m1];
  t.strictSame(life.in(elected).effects(), [
    { kind: 'timer', afterMs: 15_000 },
    { kind: 'connect', target: m1 },
  ]);
  life.in(opened, subscribed).effects();
  life.masters = [];
  t.strictSame(life.in(elected).effects(), [], 'a stream that lives is kept while nobody leads');
  life.masters = [m1];
  t.strictSame(life.in(elected).effects(), [], 'and when its master leads again');
  life.masters = [m2];
  t.strictSame(life.in(elected).effects(), [
    { kind: 'close' },
    { kind: 'lost', because: 'another master leads' },
    { kind: 'timer', afterMs: 15_000 },
    { kind: 'connect', target: m2 },
  ]);
  t.strictSame(life.in(ended).kinds(), ['close', 'lost', 'timer']);
  t.strictSame(life.in(elected).kinds(), ['timer', 'connect'], 'an election ends a wait');
  t.strictSame(life.in({ kind: 'stop' }, elected).kinds(), ['cancelTimer', 'close']);
  t.strictSame(new Life().in(elected).kinds(), [], 'nothing before the start');
});

t.test('no redirect leads out of TLS', async (t) => {
  t.equal(redirected('http://m1:5050/', m2), undefined);
  t.match(redirected('//m1:5050/', m2), { origin: 'https://m1:5050' });
  t.match(redirected('https://m1:5050/', m1), { origin: 'https://m1:5050' });
});
