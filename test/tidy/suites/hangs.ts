import t from 'tap';

t.test('waits for ever', async () => {
  await new Promise((resolve) => setTimeout(resolve, 3_600_000));
});
