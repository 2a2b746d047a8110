// What plugins may do with the accounts that are kept here.
import type { Users } from '../contracts/plugin.js';
import type { UserStore } from '../contracts/store.js';
import { userId } from '../core/units.js';

export const usersIn = (store: Pick<UserStore, 'user' | 'changeUser'>): Users => ({
  user: (login) => store.user(userId(login)),
  change: (login, how) => store.changeUser(userId(login), how),
  replaceHash: async (login, { former, next }) => {
    await store.changeUser(userId(login), (record) =>
      record?.passwordHash === former ? { ...record, passwordHash: next } : undefined,
    );
  },
});

/** Nobody is known: of programs that have no store. */
export const NO_USERS: Users = {
  user: async () => undefined,
  change: async () => undefined,
  replaceHash: async () => {},
};
