// The part of the store in memory about users, projects, settings and the lease of the leader.
import type {
  JobStore,
  Lease,
  Priorities,
  ProjectRecord,
  ProjectStore,
  QuotaOwner,
  UserRecord,
  UserStore,
} from '../../../src/contracts/store.js';
import type { QuotaRecords } from '../../../src/core/limit-book.js';
import { PRIO_USUAL } from '../../../src/core/policy.js';
import { isUnlimited, type Quotas } from '../../../src/core/quota.js';
import { type Instant, instant, type ProjectId, type UserId } from '../../../src/core/units.js';
import { added, DAY_MS, dayOf, NO_USE } from '../../../src/core/usage.js';
import { MemoryCalls } from './calls.js';
import { all } from './record.js';
import { usedBy } from './sums.js';

type SettingsAndLease = Pick<
  JobStore,
  | 'lease'
  | 'takeLease'
  | 'beatLease'
  | 'freeLease'
  | 'setting'
  | 'putSetting'
  | 'firstSetting'
  | 'settings'
  | 'dropSetting'
>;

export class MemoryAccountStore
  extends MemoryCalls
  implements UserStore, ProjectStore, SettingsAndLease
{
  lease(): Promise<Lease | undefined> {
    return this.do('lease', ({ lease }) => lease);
  }

  takeLease(holder: string, seen: Lease | undefined): Promise<Lease | undefined> {
    return this.do('takeLease', (record) => {
      const { lease } = record;
      const isSame =
        lease?.epoch === seen?.epoch &&
        lease?.holder === seen?.holder &&
        lease?.beat === seen?.beat;
      if (!isSame) return undefined;
      record.lease = { epoch: (lease?.epoch ?? 0) + 1, holder, beat: 0 };
      return record.lease;
    });
  }

  beatLease({ epoch, holder }: Lease): Promise<Lease | undefined> {
    return this.do('beatLease', (record) => {
      const { lease } = record;
      if (lease?.epoch !== epoch || lease.holder !== holder) return undefined;
      record.lease = { ...lease, beat: lease.beat + 1 };
      return record.lease;
    });
  }

  freeLease({ epoch, holder }: Lease): Promise<void> {
    return this.do('freeLease', (record) => {
      const { lease } = record;
      if (lease?.epoch === epoch && lease.holder === holder)
        record.lease = { ...lease, holder: '' };
    });
  }

  setting(name: string): Promise<string | undefined> {
    return this.do('setting', ({ settings }) => settings.get(name));
  }

  putSetting(name: string, value: string): Promise<void> {
    return this.do('putSetting', ({ settings }) => void settings.set(name, value));
  }

  firstSetting(name: string, value: string): Promise<string> {
    return this.do('firstSetting', ({ settings }) => {
      const standing = settings.get(name) ?? value;
      settings.set(name, standing);
      return standing;
    });
  }

  settings(prefix: string): Promise<ReadonlyMap<string, string>> {
    return this.do('settings', ({ settings }) => {
      const found = [...settings].filter(([name]) => name.startsWith(prefix));
      return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
    });
  }

  dropSetting(name: string): Promise<void> {
    return this.do('dropSetting', ({ settings }) => void settings.delete(name));
  }

  user(id: UserId): Promise<UserRecord | undefined> {
    return this.do('user', ({ users }) => structuredClone(users.get(id)));
  }

  users(): Promise<readonly UserRecord[]> {
    return this.do('users', ({ users }) =>
      structuredClone([...users.values()]).sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  }

  changeUser(
    id: UserId,
    change: (user: UserRecord | undefined) => UserRecord | undefined,
  ): Promise<UserRecord | undefined> {
    return this.do('changeUser', ({ users }) => {
      const after = change(structuredClone(users.get(id)));
      if (after !== undefined) users.set(id, structuredClone(after));
      return structuredClone(users.get(id));
    });
  }

  putUser(user: UserRecord): Promise<void> {
    return this.do('putUser', ({ users }) => void users.set(user.id, structuredClone(user)));
  }

  deleteUser(id: UserId): Promise<boolean> {
    return this.do('deleteUser', ({ users }) => users.delete(id));
  }

  project(id: ProjectId): Promise<ProjectRecord | undefined> {
    return this.do('project', ({ projects }) => structuredClone(projects.get(id)));
  }

  projects(): Promise<readonly ProjectRecord[]> {
    return this.do('projects', ({ projects }) =>
      structuredClone([...projects.values()]).sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  }

  putProject(project: ProjectRecord): Promise<void> {
    return this.do(
      'putProject',
      ({ projects }) => void projects.set(project.id, structuredClone(project)),
    );
  }

  deleteProject(id: ProjectId): Promise<boolean> {
    return this.do('deleteProject', ({ projects }) => projects.delete(id));
  }

  priorities(): Promise<Priorities> {
    return this.do('priorities', ({ users, projects }) => ({
      users: unusual(users),
      projects: unusual(projects),
    }));
  }

  quotas(): Promise<QuotaRecords> {
    return this.do('quotas', ({ users, projects, resets }) => ({
      users: limited(users),
      projects: limited(projects),
      resets: { users: new Map(resets.users), projects: new Map(resets.projects) },
    }));
  }

  resetQuota(whose: QuotaOwner, at: Instant): Promise<void> {
    return this.do('resetQuota', (record) => {
      const day = dayOf(at);
      const asked = 'user' in whose ? { owner: whose.user } : { project: whose.project };
      let used = NO_USE;
      for (const use of usedBy(all(record), { ...asked, since: instant(day * DAY_MS) }))
        if (dayOf(use.endedAt) === day) used = added(used, use);
      if ('user' in whose) record.resets.users.set(whose.user, { day, used });
      else record.resets.projects.set(whose.project, { day, used });
    });
  }
}

const unusual = <Id>(records: ReadonlyMap<Id, { readonly prio: number }>): Map<Id, number> =>
  new Map(
    [...records].flatMap(([id, { prio }]) => (prio === PRIO_USUAL ? [] : [[id, prio] as const])),
  );

const limited = <Id>(records: ReadonlyMap<Id, { readonly quotas: Quotas }>): Map<Id, Quotas> =>
  new Map(
    [...records].flatMap(([id, { quotas }]) =>
      isUnlimited(quotas) ? [] : [[id, quotas] as const],
    ),
  );
