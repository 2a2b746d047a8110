import t from 'tap';

t.test('a group', async (t) => {
  await t.test('right', async (t) => t.ok(true));
  await t.test('wrong', async (t) => t.equal(1 as number, 2, 'one is two'));
});
t.test('throws', async () => {
  throw new Error('thrown on purpose');
});
