import t from 'tap';

t.test('ends its process', async () => {
  process.kill(process.pid, 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 3_600_000));
});
