import t from 'tap';

t.teardown(() => {
  throw new Error('thrown on purpose');
});
t.test('all is well', async (t) => t.pass());
