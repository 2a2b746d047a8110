/** Prints docs/configuration.md out of the schema, so that the page cannot be wrong. */
import { NOT_IN_USE, RENAMED, SECTIONS, variableOf } from './schema.js';

const INTRODUCTION = `# Configuration

Settings come from a YAML file and from the environment. The file is the one given with \`--config\`, else
\`$GOD_CONFIG\`, else \`godocker.yaml\` in the working directory if there is one; without any, all defaults hold. Every
key can be given as a variable of the environment too, which wins over the file. A dotted key is a key in a section:
\`mesos.master\` is \`master\` inside \`mesos:\`. Relative paths start at the file's folder.

All mistakes are reported at once, each with its key, what stood there and what is wanted; nothing is started then.
This page is printed from the schema: \`node dist/src/config/print.js\`.
`;

/** The whole page, as Markdown. */
export function referencePage(): string {
  const parts = [INTRODUCTION];
  for (const [title, keys] of Object.entries(SECTIONS)) {
    parts.push(`## ${title}\n`, '| Key | Value | Default | Meaning |\n|---|---|---|---|');
    for (const [path, { kind, shown, doc }] of Object.entries(keys))
      parts.push(`| \`${path}\`<br>\`${variableOf(path)}\` | ${kind} | ${shown} | ${doc} |`);
    parts.push('');
  }
  parts.push(
    '## Options of plugins\n',
    'A section `plugins.<kind>-<name>` goes to the plugin of that name, which checks it.\n',
    '## Old spellings\n',
    ...Object.entries(RENAMED).map(([old, path]) => `- \`${old}\` is now \`${path}\`.`),
    '\n## Known, not in use yet\n',
    'Keys of the original GoDocker that are accepted with a warning and do nothing yet:\n',
    `${NOT_IN_USE.map((path) => `\`${path}\``).join(', ')}.`,
    '',
  );
  return parts.join('\n');
}
