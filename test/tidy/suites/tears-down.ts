import t from 'tap';

t.teardown(() => {
  process.env.GODOCKER_TEST_TORN_DOWN = 'yes';
});
t.test('before its end', async (t) => t.equal(process.env.GODOCKER_TEST_TORN_DOWN, undefined));
