/** The words and options of `god update`, `reschedule`, `replay`, `killall`, `archive` and `maintenance`. */
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { archive } from './commands/archive.js';
import { killAll, maintenance, replay, update } from './commands/changes.js';
import { reschedule } from './commands/holds.js';
import type { Context } from './context.js';

type Done = (exitCode: number) => void;
const json = (command: Command): Command => command.option('--json', 'for machines');

export function addChangeCommands(god: Command, context: Context, done: Done): void {
  json(god.command('update'))
    .description('change what a waiting job asks for, or shorten the maxlifespan of one that runs')
    .argument('<id>', 'job')
    .argument('<name>', 'as in cpu, ram, label, executor, maxlifespan, name, tags')
    .argument('<value>', 'lists with commas between')
    .action(async (id, name, value, options) =>
      done(await update(context, id, name, value, options)),
    );
  json(god.command('reschedule'))
    .description('kill the launch of jobs that run, and let them wait for another one')
    .argument('<id...>', 'jobs')
    .action(async (ids, options) => done(await reschedule(context, ids, options)));
  json(god.command('replay'))
    .description('submit a former job once more, and print the id')
    .argument('<id>', 'job')
    .option('--show', 'only print the submission, to be changed and sent')
    .action(async (id, options) => done(await replay(context, id, options)));
  json(god.command('killall'))
    .description('kill all your jobs')
    .option('--tag <tag>', 'only those with this tag')
    .option('--user <login>', "another user's (administrators)")
    .action(async (options) => done(await killAll(context, options)));
  json(god.command('archive'))
    .description('remove the directories of jobs that are over, for ever; their records stay')
    .argument('[id...]', 'jobs; an array with all its members')
    .option('--days <count>', 'instead: all of yours that ended so many days ago', whole)
    .option('--tag <tag>', 'of these only those with this tag')
    .option('--purge', 'take the records away as well; what was used counts on')
    .action(async (ids, options) => done(await archive(context, ids, options)));
  json(god.command('maintenance'))
    .description('whether jobs are taken and started; begin and end that (administrators)')
    .addArgument(new Argument('[act]', 'begin or end it').choices(['on', 'off']))
    .option('--reason <text>', 'for the users')
    .action(async (act, options) => done(await maintenance(context, act, options)));
}

function whole(text: string): string {
  if (/^\d{1,5}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a whole number of days.');
}
