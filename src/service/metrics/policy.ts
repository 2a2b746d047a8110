/** Whether schedulers have ended because their policy did not come back. */
import { Gauge, type Registry } from 'prom-client';

export function policyStuck(metrics: Registry, times: number): void {
  new Gauge({
    name: 'godocker_scheduler_policy_stuck',
    help: 'Ends of schedulers because their policy did not come back, as written down here',
    registers: [metrics],
  }).set(times);
}
