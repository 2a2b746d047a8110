// examples/alignment through the whole path, from submission to counts, and the same script run by hand.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { dockerFor } from '../support/docker.js';
import { imageOfPackages, missingPackages } from '../support/images.js';
import { temporaryFolder } from '../support/places.js';
import { run } from '../support/programs.js';
import { projectFile, readProjectFile } from '../support/project.js';
import type { Service } from '../support/service.js';
import { startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';

const PACKAGES = ['bowtie2', 'bowtie2-examples', 'samtools'];
const SCRIPT = 'examples/alignment/align.sh';
const IMAGE = 'godocker-test/alignment:local';
const ALIGN_MS_MAX = 180_000;

t.test('alignment as a process', async (t) => {
  if (await isSkipped(t)) return;
  const byHand = await alignByHand(t);
  const service = await startService(t, { containerizer: 'process' });
  await alignAsJob(t, service, byHand, {});
});

t.test('alignment in a container', async (t) => {
  if (await isSkipped(t)) return;
  const docker = await dockerFor(t);
  if (docker === undefined) return;
  const byHand = await alignByHand(t);
  await imageOfPackages(docker, IMAGE, [...PACKAGES, 'coreutils', 'dash', 'gzip']);
  const service = await startService(t, { containerizer: 'docker', env: docker.env });
  await alignAsJob(t, service, byHand, { image: IMAGE });
});

async function isSkipped(t: Test): Promise<boolean> {
  const missing = await missingPackages(PACKAGES);
  if (missing.length > 0)
    skipAloud(t, missing.join(', '), 'not installed; npm run test:setup installs them');
  return missing.length > 0;
}

/** Runs the script without GoDocker; answers counts.txt. */
async function alignByHand(t: Test): Promise<string> {
  const folder = join(temporaryFolder(t, 'alignment'), 'work');
  mkdirSync(folder);
  const done = await run('sh', [projectFile(SCRIPT)], { cwd: folder, limitMs: ALIGN_MS_MAX });
  if (!t.equal(done.code, 0, 'the script works by hand')) t.comment(done.stderr);
  return readFileSync(join(folder, 'counts.txt'), 'utf8');
}

async function alignAsJob(
  t: Test,
  { client }: Service,
  byHand: string,
  where: { readonly image?: string },
): Promise<void> {
  const request = { name: 'alignment', cpu: 1, ram: 1, ...where };
  const id = await client.submit(readProjectFile(SCRIPT), request);
  const job = await client.over(id, ALIGN_MS_MAX);
  const errors = await client.file(id, 'god.err');
  if (!t.equal(job.status.exitcode, 0, 'the job ends well')) t.comment(job.status, errors);
  t.match(
    byHand,
    /^reads 20000\nmapped \d+\nproperly-paired \d+\n$/,
    'there was something to count',
  );
  t.equal(await client.file(id, 'counts.txt'), byHand, 'the counts are those of the run by hand');
  t.ok((await client.file(id, 'god.log')).endsWith(byHand), 'the log ends with the counts');
  t.match(errors, /overall alignment rate/, 'what bowtie2 says goes to god.err');
}
