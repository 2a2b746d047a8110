/** An agent as REST shows it. */
import type { Amounts } from '../contracts/agents.js';
import type { Instant } from '../core/units.js';
import { type AgentView, left } from './agents.js';

/** Times in seconds, memory in GB of 1000 MB, as everywhere on the wire. */
export function agentToWire(view: AgentView, { isAdmin }: { readonly isAdmin: boolean }) {
  const { executor, host, state, jobs, total, used, attributes, drain, setAside } = view;
  return {
    name: host,
    executor,
    state,
    jobs,
    total: total === null ? null : amounts(total),
    used: amounts(used),
    free: total === null ? null : amounts(left(total, used)),
    attributes,
    drain:
      drain === null
        ? null
        : {
            reason: drain.reason,
            from: seconds(drain.from),
            until: drain.until === null ? null : seconds(drain.until),
            by: drain.by,
            date: seconds(drain.at),
          },
    set_aside:
      setAside === null
        ? null
        : {
            date: seconds(setAside.at),
            probe_from: seconds(setAside.probeFrom),
            strikes: setAside.strikes,
            // Names others and their jobs.
            ...(isAdmin
              ? {
                  evidence: setAside.evidence.map(({ jobId, owner, at, how }) => ({
                    job: jobId,
                    user: owner,
                    date: seconds(at),
                    how,
                  })),
                }
              : {}),
          },
  };
}

const seconds = (at: Instant): number => at / 1_000;

const amounts = ({ cpuMilli, memMb, gpus, ports, custom }: Amounts) => ({
  cpu: cpuMilli / 1_000,
  ram: memMb / 1_000,
  gpus,
  ports,
  custom,
});
