// The example of the paper on the original, and the picture of it in the user guide.
import t from 'tap';
import { newcomerIn, paperExample, picture } from '../../bench/paper-example.js';
import { drf } from '../../src/core/drf.js';
import { fairshare } from '../../src/core/fairshare.js';
import { fairtree } from '../../src/core/fairtree.js';
import { fifo } from '../../src/core/policy.js';
import { readProjectFile } from '../support/project.js';

t.test(
  'on 100 slots A submits 1,000 jobs, then B one: B is the next to start, under fifo it waits',
  async (t) => {
    // The hundred that started at once run; the first of them ends after half an hour.
    for (const policy of [fairshare(), drf])
      t.strictSame(newcomerIn(paperExample(policy)), { minute: 30, before: 100 }, policy.name);
    const waits = newcomerIn(paperExample(fifo));
    t.equal(waits.before, 1_000, 'behind every job of A');
    t.ok(waits.minute > 500);
    // Inside the one project that both are in, the tree does the same.
    t.equal(newcomerIn(paperExample(fairtree())).before, 100);
  },
);

t.test('the picture in the user guide is what this run gives', async (t) => {
  const drawn = readProjectFile('docs/fair-share.svg');
  t.equal(drawn, picture(), 'node dist/bench/paper-example.js > docs/fair-share.svg');
});
