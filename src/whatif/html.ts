/** The page of a comparison: a table, and who held what over time under each policy. Nothing is loaded from elsewhere. */
import type { ReplayFigures } from './figures.js';
import type { Replay } from './replay.js';
import { COLUMNS, rowOf } from './table.js';

/** More users than this are shown as one. */
const USERS_MAX = 8;
/** Told apart also by those who see few colours. */
const COLOURS = [
  '#0072b2',
  '#e69f00',
  '#009e73',
  '#d55e00',
  '#cc79a7',
  '#56b4e9',
  '#f0e442',
  '#7f7f7f',
];
const OTHERS = '#bbbbbb';
const WIDTH = 900;
const HEIGHT = 180;

export interface Compared {
  readonly title: string;
  /** Of the whole cluster. */
  readonly cpuMilli: number;
  readonly replays: readonly { readonly replay: Replay; readonly figures: ReplayFigures }[];
}

export function htmlOf({ title, cpuMilli, replays }: Compared): string {
  const users = heaviest(replays.map(({ replay }) => replay));
  const endMs = replays.reduce((most, { figures }) => Math.max(most, figures.makespanMs), 1);
  const charts = replays.map(
    ({ replay }) =>
      `<h2>${escaped(replay.policy)}</h2>\n${chartOf(replay, { users, cpuMilli, endMs })}`,
  );
  const legend = [...users, 'others'].map(
    (user, n) =>
      `<span><i style="background:${n < users.length ? colourOf(n) : OTHERS}"></i>${escaped(user)}</span>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: ${WIDTH}px; color: #222; }
table { border-collapse: collapse; } th, td { text-align: right; padding: .2em .8em; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; } svg { width: 100%; background: #f6f6f6; }
span { margin-right: 1em; } i { display: inline-block; width: .8em; height: .8em; margin-right: .3em; }
</style>
<h1>${escaped(title)}</h1>
<table>
<tr>${COLUMNS.map((column) => `<th>${escaped(column)}</th>`).join('')}</tr>
${replays
  .map(
    ({ figures }) =>
      `<tr>${rowOf(figures)
        .map((cell) => `<td>${escaped(cell)}</td>`)
        .join('')}</tr>`,
  )
  .join('\n')}
</table>
<p>Cpus that each user holds, over ${hours(endMs)}; the upper edge is the whole cluster.</p>
<p>${legend.join('\n')}</p>
${charts.join('\n')}
</html>
`;
}

/** By cpu-time, the heaviest first. */
function heaviest(replays: readonly Replay[]): readonly string[] {
  const used = new Map<string, number>();
  for (const { job } of replays[0]?.jobs ?? [])
    used.set(job.user, (used.get(job.user) ?? 0) + job.needs.cpuMilli * job.runMs);
  return [...used]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, USERS_MAX)
    .map(([user]) => user);
}

interface Scale {
  readonly users: readonly string[];
  readonly cpuMilli: number;
  readonly endMs: number;
}

/** Areas on top of each other, one for each user. */
function chartOf({ samples, policy }: Replay, { users, cpuMilli, endMs }: Scale): string {
  const x = (ms: number): string => ((ms / endMs) * WIDTH).toFixed(1);
  const y = (milli: number): string => (HEIGHT * (1 - milli / cpuMilli)).toFixed(1);
  const below = samples.map(() => 0);
  const areas = [...users, null].map((user, n) => {
    const lower = samples.map(({ atMs }, at) => `${x(atMs)},${y(below[at] ?? 0)}`);
    const upper = samples.map(({ atMs, held }, at) => {
      const sum = [...held.values()].reduce((all, one) => all + one, 0);
      below[at] = user === null ? sum : (below[at] ?? 0) + (held.get(user) ?? 0);
      return `${x(atMs)},${y(below[at] ?? 0)}`;
    });
    const colour = user === null ? OTHERS : colourOf(n);
    const name = `<title>${escaped(user ?? 'others')}</title>`;
    return `<polygon fill="${colour}" points="${[...upper, ...lower.reverse()].join(' ')}">${name}</polygon>`;
  });
  const label = `Cpus held by each user over time under ${escaped(policy)}`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">\n${areas.join('\n')}\n</svg>`;
}

const colourOf = (n: number): string => COLOURS[n % COLOURS.length] ?? OTHERS;

const hours = (ms: number): string => `${(ms / 3_600_000).toFixed(1)} hours`;

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
