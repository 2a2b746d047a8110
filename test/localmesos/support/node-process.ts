/** Starts the local node as a real process, so that a test can kill it with -9 and start it again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const RUN_NODE = fileURLToPath(new URL('./run-node.js', import.meta.url));

export interface NodeProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** SIGKILL to the node alone; resolves when it is dead. */
  kill(): Promise<void>;
  /** A clean stop. */
  stop(): Promise<number | null>;
}

export async function spawnNode(args: readonly string[]): Promise<NodeProcess> {
  const child = spawn(process.execPath, [RUN_NODE, '--insecure', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  let output = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const found = /local Mesos node on (\S+),/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    exit.then(() => reject(new Error(`the node ended before it was ready: ${errors}`)));
  });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exit;
    return child.exitCode;
  };
  return {
    url,
    child,
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
  };
}
