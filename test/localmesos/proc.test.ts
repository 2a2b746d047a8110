import t from 'tap';
import { ageMs, processFacts } from '../../src/localmesos/proc.js';

t.test('the age of a process is what its own clock says', async (t) => {
  const own = ageMs(processFacts(process.pid)?.startTime ?? '');
  // Another process may wait long between the two readings; that it is no other unit is what matters.
  t.ok(Math.abs(own - process.uptime() * 1_000) < 5_000, `${own} ms`);
  t.equal(ageMs('nonsense'), 0);
});
