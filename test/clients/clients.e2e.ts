// Mesos clients that other people wrote, against `godocker local-mesos`. The story is told in README.md.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cachedTool } from '../support/cache.js';
import { type LocalMesos, startLocalMesos } from '../support/local-mesos.js';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { skipAloud } from '../support/skip.js';

interface Client {
  /** What `npm run test:setup` made the client from. */
  readonly source: string;
  readonly command: (folder: string, node: LocalMesos) => readonly [string, ...string[]];
  readonly env?: (folder: string) => NodeJS.ProcessEnv;
  /** Whether the client can say that it understands TASK_KILLING. */
  readonly isTold: boolean;
  readonly limitMs: number;
}

const CLIENTS: Readonly<Record<string, Client>> = {
  'mesos-go': {
    source: 'test/clients/mesos-go',
    command: (folder, { url }) => [join(folder, 'client'), url],
    isTold: true,
    limitMs: 70_000,
  },
  pymesos: {
    source: 'test/clients/pymesos/requirements.txt',
    command: (folder, { port }) => [
      join(folder, 'venv/bin/python'),
      projectFile('test/clients/pymesos/story.py'),
      `127.0.0.1:${port}`,
    ],
    isTold: true,
    limitMs: 70_000,
  },
  mesoshttp: {
    source: 'test/clients/mesoshttp/requirements.txt',
    command: (folder, { url }) => [
      join(folder, 'venv/bin/python'),
      projectFile('test/clients/mesoshttp/story.py'),
      url,
    ],
    isTold: true,
    limitMs: 130_000,
  },
  'mesos-framework': {
    source: 'test/clients/mesos-framework/package.json',
    command: (_, { port }) => [
      process.execPath,
      projectFile('test/clients/mesos-framework/story.cjs'),
      '127.0.0.1',
      String(port),
    ],
    env: (folder) => ({ ...process.env, NODE_PATH: join(folder, 'node_modules') }),
    isTold: false,
    limitMs: 70_000,
  },
};

for (const [name, client] of Object.entries(CLIENTS)) {
  t.test(`${name} runs tasks on the local node`, (t) => playStory(t, name, client));
}

async function playStory(t: Test, name: string, client: Client): Promise<void> {
  const folder = cachedTool(name, client.source);
  if (folder === undefined) return skipAloud(t, name, 'not made; run npm run test:setup');
  if (!existsSync(projectFile('dist/bin/godocker.js'))) t.fail('godocker is not built');
  const node = await startLocalMesos(t, ['--tasks', 'process', '--insecure']);
  const [program, ...args] = client.command(folder, node);
  const done = await run(program, args, {
    env: client.env?.(folder) ?? process.env,
    limitMs: client.limitMs,
  });
  t.equal(done.code, 0, `the client ends well: ${done.stderr.slice(-1_000)}`);
  const lastLine = done.stdout.trim().split('\n').at(-1) ?? '';
  const killing = client.isTold ? ['TASK_KILLING'] : [];
  t.same(
    JSON.parse(lastLine),
    {
      states: {
        'says-hi': ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED'],
        succeeds: ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'],
        sleeps: ['TASK_STARTING', 'TASK_RUNNING', ...killing, 'TASK_KILLED'],
      },
      messages: {
        'says-hi': 'Command exited with status 3',
        succeeds: 'Command exited with status 0',
        sleeps: 'Command terminated with signal Terminated',
      },
      reconciled: 'TASK_RUNNING',
    },
    'every task lived as it should',
  );
  t.same(await frameworksOf(node), [], 'after TEARDOWN the master knows no framework');
}

/** Names of the frameworks that the master counts as active or waits for. */
async function frameworksOf(node: LocalMesos): Promise<readonly string[]> {
  const state = (await (await fetch(`${node.url}/state`)).json()) as {
    readonly frameworks: readonly { readonly name: string }[];
  };
  return state.frameworks.map((framework) => framework.name);
}
