/** Users and projects: from rows of the tables to records. */
import type { Priorities, ProjectRecord, UserRecord } from '../../contracts/store.js';
import type { QuotaRecords } from '../../core/limit-book.js';
import type { Quotas } from '../../core/quota.js';
import { type ProjectId, projectId, type UserId, userId } from '../../core/units.js';
import { present, UnreadableRecord } from './rows.js';
import type { Row } from './sqlite.js';

export function prioritiesOf(rows: readonly Row[]): Priorities {
  const users = new Map<UserId, number>();
  const projects = new Map<ProjectId, number>();
  for (const [kind, id, prio] of rows)
    if (kind === 'user') users.set(userId(String(id)), Number(prio));
    else projects.set(projectId(String(id)), Number(prio));
  return { users, projects };
}

export function quotasOf(rows: readonly Row[]): QuotaRecords {
  const users = new Map<UserId, Quotas>();
  const projects = new Map<ProjectId, Quotas>();
  for (const [kind, id, text] of rows) {
    const quotas = JSON.parse(String(text)) as Quotas;
    if (kind === 'user') users.set(userId(String(id)), quotas);
    else projects.set(projectId(String(id)), quotas);
  }
  return { users, projects };
}

/** @throws UnreadableRecord */
export function projectOf(id: string, document: string): ProjectRecord {
  try {
    const project = JSON.parse(document) as ProjectRecord;
    present(project.members);
    present(project.quotas);
    return project;
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}

/** @throws UnreadableRecord */
export function userOf(id: string, document: string): UserRecord {
  try {
    const user = JSON.parse(document) as UserRecord;
    present(user.identity);
    present(user.keys);
    return user;
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}
