import t from 'tap';
import { CLUSTER_REASONS, clusterReason } from '../../src/api/cluster-reasons.js';
import { describeReason } from '../../src/api/reasons.js';
import type { ReasonCode } from '../../src/core/job.js';
import { schema } from '../../src/mesos/generated/v1.js';

/** The values of `TaskStatus.Reason` in the protocol's file, as the core names them. */
function reasonsOfTheProtocol(): string[] {
  let found: string[] = [];
  JSON.stringify(schema, (key, value) => {
    if (key === 'Reason' && typeof value === 'object' && value !== null && 'values' in value)
      found = Object.keys(value.values as object);
    return value;
  });
  return found.map((name) =>
    name
      .replace(/^REASON_/, '')
      .toLowerCase()
      .replaceAll('_', '-'),
  );
}

t.test(
  'every reason of the protocol has a sentence of its own, and no sentence is left over',
  async (t) => {
    const reasons = reasonsOfTheProtocol();
    t.ok(reasons.length >= 35, `${reasons.length} reasons`);
    t.strictSame(Object.keys(CLUSTER_REASONS).sort(), reasons.sort());
    const sentences = Object.values(CLUSTER_REASONS);
    t.equal(new Set(sentences).size, sentences.length, 'no two are the same');
    for (const sentence of sentences)
      t.match(sentence, /^[A-Z][^_]{20,100}[^.]$/, `${sentence}: words, no constants`);
  },
);

t.test('names that are no reasons have none', async (t) => {
  for (const name of ['', 'toString', '__proto__', 'brand-new'])
    t.equal(clusterReason(name), undefined);
});

const CODES: readonly ReasonCode[] = [
  'agent-lost',
  'agent-gone',
  'executor-terminated',
  'task-error',
  'dropped',
  'killed-by-cluster',
  'out-of-memory',
  'resource-limit',
  'killed-by-signal',
  'max-duration',
];

t.test('the cluster reason and its words end up in what users read', async (t) => {
  const facts = { reason: 'agent-draining', message: 'see you' };
  t.equal(
    describeReason({ code: 'killed-by-cluster', facts }),
    'The cluster killed the task. The agent is being emptied for maintenance: see you',
  );
  t.equal(
    describeReason({ code: 'executor-terminated', facts: { reason: 'agent-restarted' } }),
    'The agent that ran the job was restarted',
  );
  t.equal(
    describeReason({ code: 'resource-limit', facts: { reason: 'container-limitation-disk' } }),
    'The job used more disk space than it was given and was ended',
  );
  t.equal(
    describeReason({ code: 'dropped', facts: { reason: 'brand-new', message: 'so' } }),
    'The task never reached an agent: so',
  );
  for (const reason of reasonsOfTheProtocol())
    for (const code of CODES) {
      const text = describeReason({ code, facts: { reason } });
      t.notMatch(text, /undefined|REASON_|_/, `${code} ${reason}`);
    }
});

t.test('out of memory, a kill out of nowhere and a time limit read differently', async (t) => {
  const codes = ['out-of-memory', 'killed-by-signal', 'max-duration', 'killed-by-cluster'] as const;
  const texts = codes.map((code) => describeReason({ code, facts: {} }));
  t.equal(new Set(texts).size, codes.length);
  t.match(texts[0], /more memory than it asked for/);
  t.match(texts[1], /signal 9/);
});
