// The pages as the real service serves them: its sign-in link, a job, its log, its end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { findBrowser, openBrowser, openPage } from './browser.js';

t.test('the pages and the real service', async (t) => {
  const executable = findBrowser();
  if (executable === undefined) return skipAloud(t, 'pages', 'no chromium on this machine');
  const service = await startService(t);
  const browser = await openBrowser(t, executable);
  const { page, complaints } = await openPage(browser);

  const link = /^Sign in: (\S+)$/m.exec(readFileSync(join(service.home, 'service.log'), 'utf8'));
  await page.goto(link?.[1] ?? '');
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  t.notMatch(page.url(), service.admin.apikey, 'the key has left the address');

  await page.getByRole('link', { name: 'Submit a job' }).click();
  await page.getByText('Not used here: jobs run as plain processes.').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('counts');
  await page
    .getByLabel('Script', { exact: true })
    .fill('#!/bin/sh\nfor i in 1 2 3 4; do echo line $i; sleep 0.5; done\nexit 4\n');
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  const log = page.getByRole('log', { name: 'Output' });
  await log.getByText('line 1').waitFor();
  t.equal(await log.getByText('line 4').count(), 0, 'seen while it was being written');
  await page.locator('h1').getByText('exit 4').waitFor();
  await log.getByText('line 4').waitFor();
  const shots = process.env.SCREENSHOTS;
  if (shots !== undefined) await page.screenshot({ path: join(shots, 'service-job.png') });

  await page.goto(`${service.url}/app/#/submit`);
  await page.getByLabel('Cpu').fill('5000');
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.getByRole('alert').getByText('no agent could ever run this').waitFor();
  t.equal(await page.evaluate('document.activeElement.id'), 'cpu');

  await page.goto(`${service.url}/app/#/submit`);
  await page.reload();
  await page.getByLabel('Script', { exact: true }).fill('sleep 1000');
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.locator('h1').getByText('running').waitFor();
  await page.getByRole('button', { name: 'Kill', exact: true }).click();
  await page.getByRole('button', { name: 'Kill it' }).click();
  await page.locator('h1').getByText('killed').waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('User').fill(service.admin.user);
  await page.getByLabel('Password').fill(service.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Over', exact: true }).click();
  await page.getByRole('link', { name: 'counts' }).waitFor();
  t.same(complaints, [], 'nothing broke, nothing was refused by the content policy');
});
