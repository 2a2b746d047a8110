import { useEffect, useState } from 'preact/hooks';
import type { JobView } from '../../../src/cli/wire.js';
import { ageOf, localTime } from '../../../src/cli/words.js';
import type { Api } from '../api.js';
import { Notice } from '../components/notice.js';
import { badgeWords, StateBadge } from '../components/state-badge.js';
import { usePolling } from '../polling.js';

const LOOK_MS = 2_000;
const PAGE_SIZE = 50;

export function JobsPage({ api, list }: { api: Api; list: 'active' | 'over' }) {
  const [limit, setLimit] = useState(PAGE_SIZE);
  const [filter, setFilter] = useState('');
  const now = useNow();
  const { value, error } = usePolling(
    `${list}/${limit}`,
    LOOK_MS,
    async (signal) => ({
      value: list === 'active' ? await api.activeJobs(signal) : await api.overJobs(limit, signal),
    }),
    { api, job: null },
  );
  useEffect(() => {
    document.title = 'Jobs · GoDocker';
  }, []);

  const jobs = [...(value ?? [])].filter((job) => matches(job, filter)).sort((a, b) => b.id - a.id);
  const tab = (name: 'active' | 'over', text: string) => (
    <a href={`#/jobs/${name}`} aria-current={name === list ? 'page' : undefined}>
      {text}
    </a>
  );
  return (
    <>
      <div class="head">
        <h1>Jobs</h1>
        <a class="button primary" href="#/submit">
          Submit a job
        </a>
      </div>
      <div class="bar">
        <nav class="tabs" aria-label="Which jobs">
          {tab('active', 'Active')}
          {tab('over', 'Over')}
        </nav>
        <input
          type="search"
          class="filter"
          placeholder="Filter by name, id, state, tag"
          aria-label="Filter the jobs shown"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
      </div>
      {error !== null && <Notice kind="error">{error} Trying again…</Notice>}
      {value === null && error === null && <p class="muted">Reading…</p>}
      {jobs.length > 0 && <JobTable jobs={jobs} list={list} now={now} />}
      {value !== null && jobs.length === 0 && <Empty list={list} isFiltered={filter !== ''} />}
      {list === 'over' && value !== null && value.length >= limit && (
        <p class="more">
          <button type="button" onClick={() => setLimit(limit + PAGE_SIZE)}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}

function JobTable({
  jobs,
  list,
  now,
}: {
  jobs: readonly JobView[];
  list: 'active' | 'over';
  now: number;
}) {
  return (
    <table class="jobs">
      <caption class="unseen">{list === 'active' ? 'Active jobs' : 'Jobs that are over'}</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            Id
          </th>
          <th scope="col">Name</th>
          <th scope="col">State</th>
          <th scope="col" class="number">
            Cpu
          </th>
          <th scope="col" class="number">
            GB
          </th>
          <th scope="col">Submitted</th>
          <th scope="col" class="number">
            {list === 'active' ? 'Waits or runs' : 'Ran'}
          </th>
          <th scope="col">Node</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.id}>
            <td class="number muted" data-label="Id">
              {job.id}
            </td>
            <td data-label="Name" class="name">
              <a href={`#/jobs/${job.id}`}>{job.name || `job ${job.id}`}</a>
              {job.reason !== null && <div class="reason">{job.reason}</div>}
            </td>
            <td class="state">
              <StateBadge job={job} />
            </td>
            <td class="number" data-label="Cpu">
              {job.cpu}
            </td>
            <td class="number" data-label="GB">
              {job.ramGb}
            </td>
            <td data-label="Submitted" class="when">
              {localTime(job.submittedAt)}
            </td>
            <td class="number" data-label="Time">
              {ageOf(job, now)}
            </td>
            <td data-label="Node">{job.host ?? '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Empty({ list, isFiltered }: { list: 'active' | 'over'; isFiltered: boolean }) {
  if (isFiltered) return <p class="empty muted">No job matches the filter.</p>;
  return (
    <div class="empty">
      <p>{list === 'active' ? 'No job waits or runs.' : 'No job has ended yet.'}</p>
      <p class="muted">
        <a href="#/submit">Submit one</a>
        {list === 'active' && (
          <>
            {' '}
            or look at <a href="#/jobs/over">those that are over</a>
          </>
        )}
        .
      </p>
    </div>
  );
}

function matches(job: JobView, filter: string): boolean {
  const text = [job.id, job.name, badgeWords(job), ...job.tags].join(' ').toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The time, each second, for ages that grow. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
