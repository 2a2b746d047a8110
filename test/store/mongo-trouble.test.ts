// What callers see of failures of the driver.
import {
  MongoInvalidArgumentError,
  MongoNetworkTimeoutError,
  MongoNotConnectedError,
  MongoServerError,
  MongoWriteConcernError,
} from 'mongodb';
import t from 'tap';
import { ServiceError } from '../../src/contracts/errors.js';
import { Bug } from '../../src/core/assert.js';
import { troubleOf } from '../../src/store/mongo/trouble.js';

const server = (code: number) => new MongoServerError({ message: `code ${code}`, code });

t.test('trouble of the world is told by its cause', async (t) => {
  const cases: readonly (readonly [unknown, string])[] = [
    [new MongoNetworkTimeoutError('no answer'), 'away'],
    [new MongoNotConnectedError('not connected'), 'away'],
    [server(10_107), 'away'],
    [server(11_600), 'away'],
    [server(18), 'login-refused'],
    [server(13), 'not-allowed'],
    [server(14_031), 'full'],
    [server(4_711), 'server-error'],
    [
      new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'waited' } }),
      'not-replicated',
    ],
  ];
  for (const [failure, because] of cases) {
    const told = troubleOf(failure);
    t.ok(told instanceof ServiceError, because);
    t.match(told, { code: 'store-unavailable', facts: { because }, cause: failure });
  }
});

t.test(
  'a driver that is used wrongly is a bug of ours; everything else is left alone',
  async (t) => {
    t.ok(troubleOf(new MongoInvalidArgumentError('no')) instanceof Bug);
    const other = new Error('other');
    t.equal(troubleOf(other), other);
  },
);
