// A service tells a real InfluxDB who used what: also what ended while it was away.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { isAnswering } from '../support/local-mesos.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { type Background, hasProgram, startBackground } from '../support/programs.js';
import { startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

t.setTimeout(240_000);

/** An InfluxDB that can be stopped and started again, with its data in a folder. */
class Influx {
  readonly port: number;
  readonly #folder: string;
  readonly #backupPort: number;
  #process: Background | undefined;

  private constructor(folder: string, port: number, backupPort: number) {
    this.#folder = folder;
    this.port = port;
    this.#backupPort = backupPort;
  }

  static async prepare(t: Test): Promise<Influx> {
    const influx = new Influx(temporaryFolder(t, 'influx'), await freePort(), await freePort());
    t.teardown(() => influx.stop());
    return influx;
  }

  async start(): Promise<void> {
    const folder = this.#folder;
    const file = join(folder, 'influx.conf');
    const lines = [
      'reporting-disabled = true',
      `bind-address = "127.0.0.1:${this.#backupPort}"`,
      `[meta]\n  dir = "${folder}/meta"`,
      `[data]\n  dir = "${folder}/data"\n  wal-dir = "${folder}/wal"`,
      `[http]\n  bind-address = "127.0.0.1:${this.port}"`,
      '[monitor]\n  store-enabled = false',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const process = startBackground('influxd', ['-config', file], {
      cwd: folder,
      logFile: join(folder, 'influx.log'),
    });
    this.#process = process;
    await waitFor('InfluxDB answers', 60_000, () => {
      if (!process.isRunning()) throw new Error(`InfluxDB ended: ${process.lastWords()}`);
      return isAnswering(`http://127.0.0.1:${this.port}/query?q=SHOW%20DATABASES`);
    });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** Rows of the first series, by column; none while there is no such measurement. */
  async rows(query: string): Promise<readonly Record<string, unknown>[]> {
    const url = `http://127.0.0.1:${this.port}/query?db=site&q=${encodeURIComponent(query)}`;
    const { results } = (await (await fetch(url)).json()) as {
      readonly results: readonly { readonly series?: readonly Series[] }[];
    };
    const [series] = results[0]?.series ?? [];
    return (series?.values ?? []).map((values) =>
      Object.fromEntries((series?.columns ?? []).map((column, at) => [column, values[at]])),
    );
  }
}

interface Series {
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

t.test(
  'each finished job is there once, with what it asked for and how long it took',
  async (t) => {
    if (!hasProgram('influxd')) {
      skipAloud(t, 'InfluxDB', 'influxd is not installed; npm run test:setup');
      return;
    }
    const influx = await Influx.prepare(t);
    const env = {
      GODOCKER_INFLUXDB_HOST: '127.0.0.1',
      GODOCKER_INFLUXDB_PORT: String(influx.port),
    };
    // It is not there yet: nobody waits for it.
    const { client, url } = await startService(t, {
      env: { ...env, GODOCKER_INFLUXDB_DB: 'site' },
    });
    const first = await client.submit('#!/bin/sh\nsleep 1\n');
    await client.allOver([first]);
    await influx.start();
    const ids = [first, await client.submit('#!/bin/sh\nexit 3\n')];
    await client.allOver(ids);
    const rows = await waitFor('both jobs are told', 120_000, async () => {
      const found = await influx.rows('SELECT * FROM god_task_usage');
      return found.length >= ids.length && found;
    });
    t.same(rows.map(({ job }) => job).sort(), [...ids].sort());
    t.match(
      rows.find(({ job }) => job === first),
      { user: 'admin', project: 'default', cpu: 1, ram: 0.05, outcome: 'exited', launch: 1 },
    );
    t.ok(Number(rows.find(({ job }) => job === first)?.durationtime) >= 0.9);
    const means = await influx.rows('SELECT mean(cpu), mean(ram), count(cpu) FROM god_task_usage');
    t.match(means[0], { mean: 1, mean_1: 0.05, count: 2 });
    const standing = await waitFor('the scheduler tells how it stands', 60_000, async () => {
      const found = await influx.rows('SELECT * FROM god_scheduler');
      return found.length > 0 && found;
    });
    t.match(standing.at(-1), { nb_pending: 0, nb_running: 0 });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    t.match(metrics, /^godocker_influx_points_total\{result="dropped"\} 0$/m);
  },
);
