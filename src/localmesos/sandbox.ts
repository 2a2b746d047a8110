/** The directory that a process task works in, and the files that its command wants there. */
import { chmodSync, chownSync, copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CommandInfo, TaskInfo } from '../mesos/messages.js';
import type { Account } from './accounts.js';

/** A task with this label brings a directory of its own: it gets no sandbox, and writes its output there itself. */
const DIRECTORY_LABEL = 'godocker.directory';

/** Where a task works that needs no sandbox, because its framework made it a directory. */
export function ownDirectory({ labels, command }: TaskInfo): string | undefined {
  if ((command?.uris ?? []).length > 0) return undefined;
  return labels?.labels?.find(({ key }) => key === DIRECTORY_LABEL)?.value;
}

/** Files named by the command are copied into the sandbox; only those of this machine. */
export function fetchFiles(
  command: CommandInfo,
  sandbox: string,
  containerId: string,
  account: Account | null,
): void {
  for (const { value, executable, output_file } of command.uris ?? []) {
    const source = value.replace(/^file:\/\//, '');
    const target = join(sandbox, basename(output_file ?? source));
    try {
      if (!source.startsWith('/')) throw new Error('only files of this machine can be fetched');
      copyFileSync(source, target);
      chmodSync(target, executable === true ? 0o755 : 0o644);
      if (account !== null) chownSync(target, account.uid, account.gid);
    } catch (cause) {
      // A real agent's fetcher is a program of its own, and this is how it is told.
      const message = `Failed to fetch all URIs for container '${containerId}': exited with status 1`;
      throw new Error(message, { cause });
    }
  }
}
