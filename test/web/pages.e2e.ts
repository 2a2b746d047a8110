// The pages in a real browser, under the content policy of the service, against a server of the documented shapes.
// Set SCREENSHOTS to a folder to look at what was seen.

import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { FAKE_KEY, FakeServer } from '../cli/fake-server.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';
import { findBrowser, openBrowser, openPage, pagesFolder } from './browser.js';

const SHOTS = process.env.SCREENSHOTS;

async function setUp(t: Test) {
  const executable = findBrowser();
  if (executable === undefined) return undefined;
  const server = new FakeServer();
  server.pages = pagesFolder;
  const url = `${await server.start()}/app/`;
  t.teardown(() => server.stop());
  return { server, url, browser: await openBrowser(t, executable) };
}

async function signedIn(page: Page, url: string): Promise<void> {
  await page.goto(`${url}#user=ada&key=${FAKE_KEY}`);
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
}

async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

t.test('the pages', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return skipAloud(t, 'pages', 'no chromium on this machine');
  const { server, url, browser } = place;

  t.test('signing in with a password, a wrong one first', async (t) => {
    const { page, complaints } = await openPage(browser);
    await page.goto(url);
    await shoot(page, 'sign-in');
    await page.getByLabel('User').fill('ada');
    await page.getByLabel('Password').fill('wrong');
    await page.keyboard.press('Enter');
    t.equal(await page.getByRole('alert').textContent(), 'wrong user or password');
    await page.getByLabel('Password').fill('secret');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    t.match(await page.getByText('No job waits or runs.').textContent(), /No job/);
    t.same(await page.context().cookies(), [], 'no cookie');
    t.equal(await page.evaluate('localStorage.length'), 0, 'nothing outlives the tab');
    await page.reload();
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Password').waitFor();
    await page.reload();
    await page.getByLabel('Password').waitFor();
    t.same(complaints, []);
    await page.context().close();
  });

  t.test('a sign-in link leaves no secret in the address', async (t) => {
    const { page, complaints } = await openPage(browser);
    for (const link of [`user=ada&key=${FAKE_KEY}`, `user=ada&token=t${server.token}`]) {
      await page.goto('about:blank');
      await page.goto(`${url}#${link}`);
      await page.getByRole('heading', { name: 'Jobs' }).waitFor();
      t.equal(page.url(), `${url}#/jobs`);
      await page.getByRole('button', { name: 'Sign out' }).click();
    }
    await page.goto('about:blank');
    await page.goto(`${url}#user=ada&key=old`);
    await page.getByText('no longer valid').waitFor();
    t.same(complaints, []);
    await page.context().close();
  });

  t.test('a job from its submission to its end', async (t) => {
    const { page, complaints } = await openPage(browser);
    server.plan = [
      { primary: 'pending' },
      { primary: 'running', log: '\u001b[32mreading\u001b[0m 1%\rreading 2%', err: 'careful\n' },
      { primary: 'running', log: '\rreading 100%\n<b>not markup</b>\n' },
      { primary: 'running' },
      { primary: 'over', exitcode: 3, log: 'the last line\n', reason: 'it had enough' },
    ];
    await signedIn(page, url);
    await page.getByRole('link', { name: 'Submit a job' }).click();
    await page.getByLabel('Name', { exact: true }).fill('alignment');
    await page.getByLabel('Script', { exact: true }).fill('#!/bin/bash\necho "é"\n');
    await page.getByLabel('Cpu').fill('1.5');
    await page.getByLabel('home', { exact: false }).first().check();
    await shoot(page, 'submit');
    await page.getByLabel('Script', { exact: true }).press('Control+Enter');
    const log = page.getByRole('log', { name: 'Output' });
    await log.getByText('not markup').waitFor();
    await shoot(page, 'job-running');
    await page.getByText('exit 3').first().waitFor();
    await log.getByText('the last line').waitFor();
    t.equal(await log.textContent(), 'reading 100%\n<b>not markup</b>\nthe last line\n');
    await page.getByText('it had enough').waitFor();
    await shoot(page, 'job-over');
    t.match(server.jobs.get(1)?.asked, {
      meta: { name: 'alignment' },
      requirements: { cpu: 1.5, ram: 2 },
      container: { image: 'b:2', volumes: [{ name: 'home', acl: 'rw' }] },
      command: { cmd: '#!/bin/bash\necho "é"\n' },
    });
    await page.getByRole('tab', { name: 'Output' }).press('ArrowRight');
    await page.getByRole('log', { name: 'Errors' }).getByText('careful').waitFor();
    await page.getByRole('tab', { name: 'Errors' }).press('ArrowRight');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'god.log' }).click(),
    ]);
    t.equal(download.suggestedFilename(), 'god.log');
    await shoot(page, 'job-files');
    await page.getByRole('tab', { name: 'Script' }).click();
    t.match(await page.getByRole('tabpanel').textContent(), /echo "é"/);
    await page.getByRole('link', { name: 'Submit a copy' }).click();
    await page.waitForFunction('document.getElementById("cpu")?.value === "1.5"');
    const script = page.getByLabel('Script', { exact: true });
    t.equal(await script.inputValue(), '#!/bin/bash\necho "é"\n');
    t.equal(await page.getByLabel('home').first().isChecked(), true);
    t.same(complaints, []);
    await page.context().close();
  });

  t.test('killing asks first', async (t) => {
    const { page, complaints } = await openPage(browser, { colorScheme: 'dark' });
    const id = server.add([{ primary: 'running', log: 'working\n' }]);
    await signedIn(page, url);
    await page.goto(`${url}#/jobs/${id}`);
    await page.getByRole('log').getByText('working').waitFor();
    await page.getByRole('button', { name: 'Kill', exact: true }).click();
    await shoot(page, 'kill-dark');
    await page.getByRole('button', { name: 'Let it run' }).click();
    // Signing out is a DELETE as well, of the session.
    t.notOk(server.requests.some(({ line }) => line.startsWith(`DELETE /api/1.0/task/${id}`)));
    await page.getByRole('button', { name: 'Kill', exact: true }).click();
    await page.getByRole('button', { name: 'Kill it' }).click();
    await page.locator('h1').getByText('killed').waitFor();
    t.same(complaints, []);
    await page.context().close();
  });

  t.test('a refusal stands at its field; sending again makes one job', async (t) => {
    const { page, complaints } = await openPage(browser);
    server.plan = [{ primary: 'over', exitcode: 0 }];
    const before = server.jobs.size;
    const refuse = (status: number, body: object, isAfter = false) =>
      server.faults.push({ when: /POST .*task\?/, answer: { status, body }, isAfter });
    await signedIn(page, url);
    await page.goto(`${url}#/submit`);
    refuse(400, {
      code: 'bad-field',
      field: 'requirements.cpu',
      msg: 'requirements.cpu: too many',
    });
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.getByRole('alert').getByText('too many').waitFor();
    t.equal(await page.evaluate('document.activeElement.id'), 'cpu', 'the field has the focus');
    t.equal(await page.getByRole('alert').textContent(), 'too many');
    await shoot(page, 'submit-refused');
    refuse(503, { code: 'store-unavailable', msg: 'the database is away' }, true);
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.getByText('the database is away').waitFor();
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.locator('h1').getByText('done').waitFor();
    t.equal(server.jobs.size, before + 1);
    t.same(complaints, []);
    await page.context().close();
  });

  t.test('lists, on a wide and a narrow screen', async (t) => {
    server.add([], { meta: { name: 'waits', description: '', tags: ['nightly'] } });
    const { page, complaints } = await openPage(browser);
    await signedIn(page, url);
    await page.getByRole('link', { name: 'waits' }).waitFor();
    await page.getByLabel('Filter').fill('nightly');
    t.equal(await page.locator('tbody tr').count(), 1);
    await page.getByLabel('Filter').fill('nobody');
    await page.getByText('No job matches').waitFor();
    await page.getByLabel('Filter').fill('');
    await page.getByRole('link', { name: 'Over', exact: true }).click();
    await page.getByRole('link', { name: 'alignment' }).waitFor();
    await shoot(page, 'jobs-over');
    await page.setViewportSize({ width: 390, height: 800 });
    await shoot(page, 'jobs-narrow');
    const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
    t.equal(isWide, false, 'nothing sticks out to the side');
    t.same(complaints, []);
    await page.context().close();
  });

  t.test('a long log shows its end; a session that ends says so', async (t) => {
    const { page, complaints } = await openPage(browser);
    const lines = Array.from({ length: 60_000 }, (_, at) => `line ${at} of a long log`);
    const id = server.add([{ primary: 'running', log: lines.join('\n') }]);
    await signedIn(page, url);
    await page.goto(`${url}#/jobs/${id}`);
    const log = page.getByRole('log');
    await log.getByText('line 59999 of').waitFor();
    await page.getByText('Only the end is shown here').waitFor();
    t.ok((await log.locator('.line').count()) <= 5_001);
    await log.hover();
    // A wheel turned while the page still lays out 5,000 lines is lost: a person turns it again.
    await waitFor('the log stays where it was turned to', 30_000, async () => {
      await page.mouse.wheel(0, -3_000);
      return page.getByRole('button', { name: 'Jump to the end' }).isVisible();
    });
    await page.getByRole('button', { name: 'Jump to the end' }).click();
    await page.getByRole('button', { name: 'Jump to the end' }).waitFor({ state: 'detached' });
    server.token++;
    await page.getByText('Your session is over').waitFor();
    t.same(complaints, []);
    await page.context().close();
  });
});
