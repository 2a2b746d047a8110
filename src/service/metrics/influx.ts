/** What became of points for InfluxDB. */
import { Counter, type Registry } from 'prom-client';

export interface InfluxMetrics {
  readonly count: (what: 'sent' | 'dropped', points: number) => void;
}

export function influxMetrics(metrics: Registry): InfluxMetrics {
  const points = new Counter({
    name: 'godocker_influx_points_total',
    help: 'Points for InfluxDB that were stored (sent), or given up because it was away for too long (dropped)',
    labelNames: ['result'] as const,
    registers: [metrics],
  });
  for (const result of ['sent', 'dropped']) points.inc({ result }, 0);
  return { count: (result, by) => points.inc({ result }, by) };
}
