// What plugins may do with the accounts that are kept here.
import type { Users } from '../contracts/plugin.js';
import type { UserStore } from '../contracts/store.js';
import { userId } from '../core/units.js';

export const usersIn = (store: Pick<UserStore, 'user' | 'putUser'>): Users => ({
  user: (login) => store.user(userId(login)),
  replaceHash: async (login, { former, next }) => {
    const record = await store.user(userId(login));
    if (record?.passwordHash === former) await store.putUser({ ...record, passwordHash: next });
  },
});

/** Nobody is known: of programs that have no store. */
export const NO_USERS: Users = { user: async () => undefined, replaceHash: async () => {} };
