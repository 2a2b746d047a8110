// `god queues`, and jobs for a queue.
import t from 'tap';
import { EXIT } from '../../src/cli/exit-codes.js';
import { submissionOf } from '../../src/cli/submission.js';
import { setUp } from './set-up.js';

const QUEUE = {
  name: 'short',
  description: 'up to an hour',
  executor: null,
  constraints: [],
  priority: 80,
  open_to: ['default', 'dna'],
  max_running: 10,
  max_running_per_user: null,
  default_lifespan: '10m',
  max_lifespan: '1h',
  load: { waiting: 3, running: 10 },
};

t.test('queues', async (t) => {
  const { server, terminal, god } = await setUp(t);
  const when = /GET .*\/queues/;
  const body = [QUEUE, { ...QUEUE, name: 'long', open_to: [], load: null }];
  server.faults.push({ when, answer: { status: 200, body } });
  t.equal(await god('queues'), EXIT.ok, terminal.errText);
  t.match(terminal.outText, /^QUEUE +PRIO +WAITING +RUNNING +MAX +MAX\/USER/);
  t.match(terminal.outText, /\nshort +80 +3 +10 +10 +- +10m +1h +default,dna +up to an hour\n/);
  t.match(terminal.outText, /\nlong +80 +\? +\? .* - +up to an hour\n/);
});

t.test('a site without queues, and an answer that is none', async (t) => {
  const { server, terminal, god } = await setUp(t);
  const when = /GET .*\/queues/;
  server.faults.push({ when, answer: { status: 200, body: [] } });
  t.equal(await god('queues'), EXIT.ok);
  t.match(terminal.errText, /no queues/);
  server.faults.push({ when, answer: { status: 200, body: { no: 'list' } } });
  t.equal(await god('queues'), EXIT.protocol);
});

t.test('a job names its queue by a label', async (t) => {
  const script = { text: '#!/bin/sh\n', name: 'x' };
  const { requirements } = submissionOf(script, undefined, { queue: 'short', label: ['a==b'] });
  t.same(requirements.label, ['a==b', 'queue==short']);
});
