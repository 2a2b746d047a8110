/** The authentication plugin as a site uses it: some are administrators because the configuration says so. */
import type { Authenticator, Person } from '../contracts/auth.js';

export function withAdmins(auth: Authenticator, admins: readonly string[]): Authenticator {
  if (admins.length === 0) return auth;
  const names = new Set(admins);
  const raised = <Known extends Person>(person: Known): Known =>
    names.has(person.id) ? { ...person, isAdmin: true } : person;
  const maybe = (person: Person | undefined) => person && raised(person);
  return {
    name: auth.name,
    bindCredentials: async (login, password) => maybe(await auth.bindCredentials(login, password)),
    bindApi: async (login, key) => {
      const found = await auth.bindApi(login, key);
      return found && { ...found, person: raised(found.person) };
    },
    user: async (login) => maybe(await auth.user(login)),
    volumes: (person, wishes, isRoot) => auth.volumes(person, wishes, isRoot),
  };
}
