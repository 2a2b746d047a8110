import t from 'tap';

await new Promise((resolve) => setTimeout(resolve, 200));
t.test('after the end of another', async (t) =>
  t.equal(process.env.GODOCKER_TEST_TORN_DOWN, 'yes'),
);
