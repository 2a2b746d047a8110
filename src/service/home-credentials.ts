/** Credentials for registries that users keep in their homes: `docker.tar.gz`, with `.docker/config.json` in it. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../contracts/log.js';
import type { Job } from '../core/job.js';

const FILE = 'docker.tar.gz';
const BYTES_MAX = 1024 * 1024;

/**
 * Path of the file in the home that a job mounts, or null. Agents read it with their own rights, so it must be a small
 * plain file of the user's own: a link could lead anywhere.
 */
export const homeCredentials =
  (log: Log) =>
  async (job: Pick<Job, 'id' | 'identity' | 'spec'>): Promise<string | null> => {
    const home = job.spec.volumes.find(({ name }) => name === 'home');
    if (home === undefined) return null;
    const path = join(home.path, FILE);
    try {
      const facts = await lstat(path);
      if (facts.isFile() && facts.uid === job.identity.uid && facts.size <= BYTES_MAX) return path;
      log.warn('credentials of a user passed over: not a small file of their own', {
        jobId: job.id,
        path,
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT')
        log.warn('credentials of a user not read', { jobId: job.id, path, code });
    }
    return null;
  };
