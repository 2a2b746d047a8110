// examples/hello through the whole path: the log, the errors, the file it writes, the exit code.
import t from 'tap';
import { readProjectFile } from '../support/project.js';
import { startService } from '../support/service.js';

t.test('hello says where it runs', async (t) => {
  const { client } = await startService(t);
  const id = await client.submit(readProjectFile('examples/hello/hello.sh'), { name: 'hello' });
  const job = await client.over(id);
  t.equal(job.status.exitcode, 0);
  t.match(await client.file(id, 'god.log'), new RegExp(`^hello from job ${id}\n`));
  t.equal(await client.file(id, 'god.err'), 'this line goes to god.err\n');
  t.equal(await client.file(id, 'result.txt'), 'a result\n');
});
