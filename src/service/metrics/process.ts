/** What /metrics of every process tells: the process itself, its version, the room on its disks. */
import { statfs } from 'node:fs/promises';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { MESOS_COUNTERS, type MesosCounter, type MesosCounters } from '../../contracts/counters.js';
import { inTime } from '../../daemon/in-time.js';
import { systemTimers } from '../../host/system.js';

/** With the facts of the process: memory, event loop, file handles. */
export function processMetrics(version: string): Registry {
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  new Gauge({
    name: 'godocker_build_info',
    help: 'Always 1; version of GoDocker and of Node.js',
    labelNames: ['version', 'node'] as const,
    registers: [metrics],
  }).set({ version, node: process.versions.node }, 1);
  return metrics;
}

/** All of them stand at 0 from the beginning, so that an alarm on their rise sees the first one. */
export function mesosCounters(metrics: Registry): MesosCounters {
  const counters = new Map(
    Object.entries(MESOS_COUNTERS).map(([name, help]) => [
      name,
      new Counter({ name: `godocker_mesos_${name}_total`, help, registers: [metrics] }),
    ]),
  );
  return { count: (what: MesosCounter) => counters.get(what)?.inc() };
}

/** A share that hangs must not hang those who ask for metrics: its last known size is told meanwhile. */
const DISK_ANSWER_MS_MAX = 1_000;

type Room = { readonly free: number; readonly size: number };

/** Room on the file systems that a process writes to; `places`: directories by what they are for. */
export function diskMetrics(metrics: Registry, places: Readonly<Record<string, string>>): void {
  const known = new Map<string, Room>();
  const asked = new Map<string, Promise<void>>();
  const ask = (place: string, directory: string): Promise<void> => {
    const running = asked.get(place);
    if (running !== undefined) return running;
    const answer = statfs(directory)
      .then(
        ({ bavail, blocks, bsize }) =>
          void known.set(place, { free: bavail * bsize, size: blocks * bsize }),
        // Not there (yet): no figure is told, which monitoring sees.
        () => void known.delete(place),
      )
      .finally(() => asked.delete(place));
    asked.set(place, answer);
    return answer;
  };
  const gauge = (name: string, help: string, of: (room: Room) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['place'] as const,
      registers: [metrics],
      async collect() {
        const all = Object.entries(places).map(([place, directory]) => ask(place, directory));
        await inTime(Promise.all(all), DISK_ANSWER_MS_MAX, systemTimers);
        this.reset();
        for (const [place, room] of known) this.set({ place }, of(room));
      },
    });
  gauge(
    'godocker_disk_free_bytes',
    'Room left for us on the file system of the data directory (home) and of job directories (shared)',
    ({ free }) => free,
  );
  gauge('godocker_disk_size_bytes', 'Size of these file systems', ({ size }) => size);
}
