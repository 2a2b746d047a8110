import t from 'tap';

t.test('a group', async (t) => {
  await t.test('first', async (t) => t.ok(true));
  await t.test('second', async (t) => t.ok(true));
});
