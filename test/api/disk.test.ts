// Job directories over the API: what they take, their removal, and who may.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { OverJob } from '../../src/core/job.js';
import { type JobId, jobId } from '../../src/core/units.js';
import { aProject, stepTo } from '../store/a-job.js';
import { type AService, type Asked, aService, aTask, lead, NOW } from './a-service.js';

const API = '/api/1.0';
const asRoot = async (service: AService, path: string, asked: Asked = {}) =>
  service.ask(`${API}${path}`, { ...asked, token: await service.tokenOf('root') });

/** A job that is over, with a directory on the disk that was measured. */
async function anOverJob(service: AService, bytes: number, project = 'default'): Promise<JobId> {
  const id = await service.submit(aTask({ more: { user: { id: 'alice', project } } }));
  const directory = directoryOf(service, id);
  mkdirSync(directory);
  writeFileSync(join(directory, 'god.log'), 'hello\n');
  await lead(service, id, { over: 0 }, directory);
  await service.store.putDisk([{ id, bytes, isOver: true, measuredAt: NOW }]);
  return id;
}
const directoryOf = ({ directory }: AService, id: JobId) => join(directory, `task-${id}`);

t.test('what directories take stands with jobs, users and projects', async (t) => {
  const service = await aService(t, { settings: { disk_default_quota: '40G' } });
  await service.store.putProject(aProject());
  const id = await anOverJob(service, 2e9);
  await anOverJob(service, 1e9, 'dna');
  const running = await service.submit();
  await lead(service, running, 'running', directoryOf(service, running));
  await service.store.putDisk([{ id: running, bytes: 5e8, isOver: false, measuredAt: NOW }]);
  t.match((await service.ask(`${API}/task/${id}`)).json(), {
    container: { meta: { disk_size: 2e9, State: { ExitCode: 0 } } },
  });
  t.match((await service.ask(`${API}/user/alice`)).json().usage, {
    disk: 3.5e9,
    quota_disk: 0,
    quota_disk_in_force: 40,
  });
  t.match((await asRoot(service, '/user')).json()[0].usage, { disk: 3.5e9 });
  t.match((await service.ask(`${API}/project/dna`)).json(), { disk: 1e9, quota_disk_in_force: 0 });
  const usage = { quota_disk: 50 };
  await asRoot(service, '/user/alice', { method: 'PUT', body: { usage } });
  await asRoot(service, '/project/dna', { method: 'PUT', body: { quota_disk: '5' } });
  t.match((await service.ask(`${API}/user/alice`)).json().usage, { quota_disk_in_force: 50 });
  const lastOf = async (path: string) => (await service.ask(`${API}${path}`)).json().quotas.at(-1);
  t.same(await lastOf('/user/alice/quota'), { name: 'quota_disk', unit: 'GB', limit: 50, used: 3 });
  t.match(await lastOf('/project/dna/quota'), { limit: 5, used: 1 });
  t.equal((await service.ask(`${API}/config`)).json().disk_default_quota, 40e9);
  const bad = await asRoot(service, '/project/dna', { method: 'PUT', body: { quota_disk: -1 } });
  t.match(bad.json(), { code: 'bad-field', field: 'quota_disk' });
});

t.test('a directory is removed by its owner, once; the record stays', async (t) => {
  const service = await aService(t);
  const id = await anOverJob(service, 2e9);
  const token = await service.tokenOf('bob');
  t.equal((await service.ask(`${API}/task/${id}/archive`, { token })).statusCode, 404);
  t.ok(existsSync(directoryOf(service, id)), 'not by others');
  const done = await service.ask(`${API}/task/${id}/archive`);
  t.equal(done.statusCode, 200);
  t.match(done.json(), { msg: 'Task archived', id, archived: 1 });
  t.notOk(existsSync(directoryOf(service, id)));
  t.match((await service.ask(`${API}/user/alice`)).json().usage, { disk: 0 });
  const document = (await service.ask(`${API}/task/${id}`)).json();
  t.match(document, { status: { primary: 'archived', exitcode: 0 }, command: { cmd: /echo/ } });
  t.notOk(Object.hasOwn(document.container.meta, 'disk_size'));
  t.equal((await service.ask(`${API}/task/${id}/files/god.log`)).statusCode, 404);
  t.match((await service.ask(`${API}/task/${id}/archive`)).json(), { archived: 0 });
  const own = await anOverJob(service, 1);
  t.equal((await asRoot(service, `/task/${own}/archive`)).statusCode, 200, 'by administrators');
});

t.test('what is not over stays; so does what cannot be removed', async (t) => {
  const service = await aService(t);
  const waiting = await service.submit();
  const running = await service.submit();
  await lead(service, running, 'running', directoryOf(service, running));
  mkdirSync(directoryOf(service, running));
  for (const id of [waiting, running]) {
    const no = await service.ask(`${API}/task/${id}/archive`);
    t.equal(no.statusCode, 409);
    t.match(no.json(), { code: 'wrong-state', msg: /is not over/ });
  }
  t.ok(existsSync(directoryOf(service, running)));
  t.equal((await service.ask(`${API}/task/999/archive`)).statusCode, 404);

  const fails = async () => {
    throw new Error('EACCES: permission denied, unlink');
  };
  const other = await aService(t, { deps: { removeDirectory: fails } });
  const id = await anOverJob(other, 7);
  const no = await other.ask(`${API}/task/${id}/archive`);
  t.match(no.json(), { code: 'forbidden', msg: /was not removed: EACCES/ });
  t.match((await other.ask(`${API}/task/${id}`)).json().status, { primary: 'over' });
  t.match((await other.ask(`${API}/user/alice`)).json().usage, { disk: 7 }, 'and goes on counting');
  const keeps = await aService(t, { deps: { removeDirectory: null } });
  const kept = await anOverJob(keeps, 7);
  t.match((await keeps.ask(`${API}/task/${kept}/archive`)).json(), { code: 'not-supported' });
});

t.test('an array goes with all its members', async (t) => {
  const service = await aService(t);
  const { store } = service;
  const id = await service.submit(aTask({ requirements: { array: { values: '1:3' } } }));
  const members = [1, 2].map((n) => jobId(id + n));
  for (const member of members) {
    mkdirSync(directoryOf(service, member));
    await lead(service, member, { over: 0 }, directoryOf(service, member));
    await store.putDisk([{ id: member, bytes: 5, isOver: true, measuredAt: NOW }]);
  }
  t.match((await service.ask(`${API}/task/${id}/archive`)).json(), { code: 'wrong-state' });
  const array = await store.job(id);
  if (array?.state !== 'open') throw new Error('it should be open');
  const over: OverJob = {
    ...array,
    state: 'over',
    outcome: { kind: 'exited', exitCode: 0, because: null },
    endedAt: NOW,
    placement: null,
    container: { containerId: null, ipAddress: null },
  };
  await store.advance((await store.lease())?.epoch ?? 0, [stepTo(array, over)]);
  t.match((await service.ask(`${API}/task/${id}/archive`)).json(), { archived: 2 });
  for (const member of members) {
    t.notOk(existsSync(directoryOf(service, member)));
    t.match((await service.ask(`${API}/task/${member}/status`)).json().status, {
      primary: 'archived',
    });
  }
  t.match((await service.ask(`${API}/task/${id}/status`)).json().status, { primary: 'archived' });
  t.same(await store.diskUse(), []);
});

t.test('an administrator has everything measured anew', async (t) => {
  const service = await aService(t);
  const id = await anOverJob(service, 7);
  t.same(await service.store.diskDue({ after: null, limit: 9 }), []);
  const path = `${API}/disk/recount`;
  t.equal((await service.ask(path, { method: 'POST' })).statusCode, 403);
  t.match((await asRoot(service, '/disk/recount', { method: 'POST' })).json(), { due: 1 });
  t.match(await service.store.diskDue({ after: null, limit: 9 }), [{ id }]);
});
