/** An authentication plugin asks directories and files of a site: one that does not answer must not hold requests for ever. */
import type { Authenticator } from '../contracts/auth.js';
import type { Timers } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import { PLUGIN_CALL_MS_MAX } from '../contracts/limits.js';

/** The same, each call with a limit. @throws ServiceError `auth-unavailable` past it */
export function timedAuth(auth: Authenticator, timers: Timers): Authenticator {
  const timed = <T>(call: string, answer: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const limit = timers.after(PLUGIN_CALL_MS_MAX, () =>
        // What has been answered while this thread was busy counts.
        timers.soon(() => reject(tooLate(auth.name, call))),
      );
      answer.then(resolve, reject).finally(() => limit.cancel());
    });
  return {
    name: auth.name,
    bindCredentials: (login, password) =>
      timed('bindCredentials', auth.bindCredentials(login, password)),
    bindApi: (login, key) => timed('bindApi', auth.bindApi(login, key)),
    user: (login) => timed('user', auth.user(login)),
    volumes: (person, wishes, isRoot) => timed('volumes', auth.volumes(person, wishes, isRoot)),
  };
}

const tooLate = (plugin: string, call: string): ServiceError =>
  new ServiceError(
    'auth-unavailable',
    `the authentication plugin ${plugin} did not answer within ${PLUGIN_CALL_MS_MAX / 1_000} s; try again`,
    { plugin, call },
  );
