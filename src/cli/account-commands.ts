/** The words and options of `god project`, `god user` and `god trace`. */
import type { Command } from 'commander';
import { KEY_SCOPES } from '../contracts/user.js';
import { withShare } from './account-options.js';
import { createKey, listKeys, revokeKey } from './commands/key.js';
import {
  createProject,
  deleteProject,
  editProject,
  listProjects,
  projectQuota,
  showProject,
} from './commands/project.js';
import { trace } from './commands/trace.js';
import { editUser, listUsers, showUser, userQuota } from './commands/user.js';
import type { Context } from './context.js';

type Done = (exitCode: number) => void;

const RESET = 'begin anew: what has ended so far counts no longer (administrators)';
const json = (command: Command): Command => command.option('--json', 'for machines');
const gather = (text: string, sofar: readonly string[] = []): string[] => [...sofar, text];

export function addAccountCommands(god: Command, context: Context, done: Done): void {
  addProjectCommands(god.command('project').description('projects, and what they are due'), {
    context,
    done,
  });
  const time = 'a date, or 7d for seven days ago';
  god
    .command('trace')
    .description('what ran, on standard output, for "godocker simulate" (administrators)')
    .option('--since <time>', `ended then or later: ${time}; default: 30 days before the end`)
    .option('--until <time>', `ended before: ${time}; default: now`)
    .option('--anonymous', 'other names for users and projects')
    .action(async (options) => done(await trace(context, options)));
  addKeyCommands(god.command('key').description('API keys'), { context, done });
  addUserCommands(god.command('user').description('users, and what they are due'), {
    context,
    done,
  });
}

function addKeyCommands(key: Command, { context, done }: Parts): void {
  const whose = (command: Command): Command =>
    json(command).option('--user <login>', 'whose (administrators)');
  whose(key.command('list'))
    .description('names, ends and last uses; the keys themselves are nowhere')
    .action(async (options) => done(await listKeys(context, options)));
  whose(key.command('create'))
    .description('make one, and show it this once')
    .argument('<name>', 'what it is for')
    .option(
      '--scope <word>',
      `good for this alone: ${KEY_SCOPES.join(', ')}; may be repeated (default: everything)`,
      gather,
    )
    .option('--expires-in <time>', 'as 90d or 12h (default: until it is revoked)')
    .action(async (name, options) => done(await createKey(context, name, options)));
  whose(key.command('revoke'))
    .description('end one, with everything that was obtained with it')
    .argument('<key>', 'its name or id')
    .action(async (word, options) => done(await revokeKey(context, word, options)));
}

interface Parts {
  readonly context: Context;
  readonly done: Done;
}

function addProjectCommands(project: Command, { context, done }: Parts): void {
  json(project.command('list'))
    .description('yours; all, for administrators')
    .action(async (options) => done(await listProjects(context, options)));
  json(project.command('show'))
    .description('members, priority and quotas')
    .argument('<name>', 'project')
    .action(async (name, options) => done(await showProject(context, name, options)));
  withShare(json(project.command('create')))
    .description('make one (administrators)')
    .argument('<name>', 'project')
    .requiredOption('--member <login>', 'who may submit to it; may be repeated', gather)
    .option('--description <text>', 'what it is for')
    .action(async (name, options) => done(await createProject(context, name, options)));
  withShare(json(project.command('edit')))
    .description('change one; what is not named stays (administrators)')
    .argument('<name>', 'project')
    .option('--description <text>', 'what it is for')
    .option('--member <login>', 'these are all its members; may be repeated', gather)
    .option('--add-member <login>', 'besides those it has; may be repeated', gather)
    .option('--remove-member <login>', 'no longer; may be repeated', gather)
    .action(async (name, options) => done(await editProject(context, name, options)));
  json(project.command('delete'))
    .description('delete one that has no jobs that wait or run (administrators)')
    .argument('<name>', 'project')
    .action(async (name, options) => done(await deleteProject(context, name, options)));
  json(project.command('quota'))
    .description('how much of each quota is used')
    .argument('<name>', 'project')
    .option('--reset', RESET)
    .action(async (name, options) => done(await projectQuota(context, name, options)));
}

function addUserCommands(user: Command, { context, done }: Parts): void {
  json(user.command('list'))
    .description('all users (administrators)')
    .action(async (options) => done(await listUsers(context, options)));
  json(user.command('show'))
    .description('account, priority and quotas')
    .argument('[login]', 'default: yourself')
    .action(async (login, options) => done(await showUser(context, login, options)));
  withShare(json(user.command('edit')))
    .description('change what a user is due; what is not named stays (administrators)')
    .argument('<login>', 'user')
    .action(async (login, options) => done(await editUser(context, login, options)));
  json(user.command('quota'))
    .description('how much of each quota is used')
    .argument('[login]', 'default: yourself')
    .option('--reset', RESET)
    .action(async (login, options) => done(await userQuota(context, login, options)));
}
