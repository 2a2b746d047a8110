import { simulate } from './world.js';

const [from = 1, to = 50] = process.argv.slice(2).map(Number);
const start = Date.now();
let hours = 0;
let bad = 0;
let launches = 0;
let jobs = 0;
let events = 0;
for (let seed = from; seed <= to; seed++) {
  const h = await simulate({ seed });
  hours += h.agentHours;
  launches += h.launches;
  jobs += h.jobs;
  events += h.events;
  if (h.breaches.length > 0) {
    bad++;
    console.log('SEED', seed, h.breaches[0]);
    if (from === to)
      for (const line of h.trace.last(
        Number(process.env.N ?? 80),
        process.env.ABOUT ? new RegExp(process.env.ABOUT) : undefined,
      ))
        console.log('   ', line);
  }
}
const s = (Date.now() - start) / 1000;
console.log({
  bad,
  s,
  hoursPerS: hours / s,
  jobs,
  launches,
  events,
  perSeedMs: (1000 * s) / (to - from + 1),
});
