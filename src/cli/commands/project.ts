/** `project …`: administrators make, change and delete projects; members look at theirs. */
import { type ShareOptions, shareFields } from '../account-options.js';
import type { Doc } from '../account-view.js';
import {
  diskLine,
  type QuotaOptions,
  quotaLine,
  quotasOf,
  readDoc,
  readDocs,
  shown,
  words,
} from '../account-view.js';
import { type CommonOptions, type Context, connect, printJson } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure, Refused } from '../failure.js';
import { type Column, facts, table } from '../table.js';

export interface ProjectOptions extends CommonOptions, ShareOptions {
  readonly description?: string;
  /** Replaces all members. */
  readonly member?: readonly string[];
  readonly addMember?: readonly string[];
  readonly removeMember?: readonly string[];
}

const route = (name: string): string => `project/${encodeURIComponent(name)}`;

/** All for administrators, one's own for others. */
export async function listProjects(context: Context, options: CommonOptions): Promise<number> {
  const client = connect(context);
  let found: unknown;
  try {
    found = await client.json('GET', 'project');
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 403) throw error;
    found = await client.json('GET', `user/${encodeURIComponent(client.user)}/project`);
  }
  if (options.json === true) await printJson(context, found);
  else
    await context.terminal.out(
      table(readDocs(found, 'project'), COLUMNS, context.terminal.columns),
    );
  return EXIT.ok;
}

export async function showProject(
  context: Context,
  name: string,
  options: CommonOptions,
): Promise<number> {
  return show(context, await connect(context).json('GET', route(name)), options);
}

export async function createProject(
  context: Context,
  name: string,
  options: ProjectOptions,
): Promise<number> {
  const { description = '', member = [] } = options;
  const client = connect(context);
  const body = { id: name, description, members: member, ...shareFields(options) };
  await client.json('POST', 'project', { body });
  return show(context, await client.json('GET', route(name)), options);
}

export async function editProject(
  context: Context,
  name: string,
  options: ProjectOptions,
): Promise<number> {
  const { description, member, addMember = [], removeMember = [] } = options;
  const client = connect(context);
  const fields = {
    ...(description === undefined ? {} : { description }),
    ...shareFields(options),
  };
  const changesMembers = member !== undefined || addMember.length + removeMember.length > 0;
  if (Object.keys(fields).length === 0 && !changesMembers)
    throw new Failure(EXIT.usage, 'nothing to change: name an option, see "god project edit -h"');
  const before = changesMembers ? await membersOf(context, name, member) : [];
  const stranger = removeMember.find((login) => !before.includes(login));
  if (stranger !== undefined)
    throw new Failure(EXIT.usage, `--remove-member: ${stranger} is not in project ${name}`);
  const members = [...new Set([...before, ...addMember])].filter(
    (login) => !removeMember.includes(login),
  );
  const body = { ...fields, ...(changesMembers ? { members } : {}) };
  await client.json('PUT', route(name), { body, isRepeatable: true });
  return show(context, await client.json('GET', route(name)), options);
}

async function membersOf(
  context: Context,
  name: string,
  replaced: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (replaced !== undefined) return replaced;
  const { members } = readDoc(await connect(context).json('GET', route(name)), 'project');
  return Array.isArray(members) ? members.filter((one) => typeof one === 'string') : [];
}

export async function deleteProject(
  context: Context,
  name: string,
  options: CommonOptions,
): Promise<number> {
  const said = await connect(context).json('DELETE', route(name));
  if (options.json === true) await printJson(context, said);
  else await context.terminal.out(`Project ${name} deleted.\n`);
  return EXIT.ok;
}

/** What is used of each quota; with `--reset` it begins anew first. */
export async function projectQuota(
  context: Context,
  name: string,
  options: QuotaOptions,
): Promise<number> {
  const whose = `project ${name}`;
  return quotasOf(context, { client: connect(context), path: route(name), whose }, options);
}

async function show(context: Context, found: unknown, options: CommonOptions): Promise<number> {
  if (options.json === true) {
    await printJson(context, found);
    return EXIT.ok;
  }
  const project = readDoc(found, 'project');
  await context.terminal.out(
    facts([
      ['Project', shown(project.id)],
      ['Description', shown(project.description)],
      ['Priority', shown(project.prio)],
      ['Members', project.id === 'default' ? 'everybody' : words(project.members)],
      ['Quotas', quotaLine(project)],
      ...(project.id === 'default' ? [] : ([['Disk', diskLine(project)]] as const)),
    ]),
  );
  return EXIT.ok;
}

const COLUMNS: readonly Column<Doc>[] = [
  { title: 'PROJECT', value: ({ id }) => shown(id), widthMin: 8 },
  { title: 'PRIO', value: ({ prio }) => shown(prio), isRight: true },
  {
    title: 'MEMBERS',
    value: ({ id, members }) => (id === 'default' ? 'everybody' : words(members)),
    widthMin: 12,
  },
  { title: 'QUOTAS', value: quotaLine, widthMin: 8 },
  { title: 'DESCRIPTION', value: ({ description }) => shown(description), widthMin: 10 },
];
