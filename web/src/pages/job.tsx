import { useEffect, useRef, useState } from 'preact/hooks';
import { arrayWords } from '../../../src/cli/arrays.js';
import { isEnd, type JobView } from '../../../src/cli/wire.js';
import { ageOf, launchesWords, localTime, memoryWords } from '../../../src/cli/words.js';
import type { Api } from '../api.js';
import { FileList } from '../components/file-list.js';
import { LogView } from '../components/log-view.js';
import { Notice } from '../components/notice.js';
import { badgeWords, StateBadge } from '../components/state-badge.js';
import { WaitingLine } from '../components/waiting-line.js';
import { usePolling } from '../polling.js';
import { useNow } from './jobs.js';

const LOOK_MS = 700;
/** Characters; a longer fact takes two columns. */
const LONG_FACT = 24;
const VIEWS = ['Output', 'Errors', 'Files', 'Script'] as const;
type View = (typeof VIEWS)[number];

export function JobPage({ api, id }: { api: Api; id: number }) {
  const known = useRef<JobView | null>(null);
  const {
    value: job,
    error,
    again,
  } = usePolling(
    `job ${id}`,
    LOOK_MS,
    async (signal) => {
      const { state, launches } = await api.state(id, signal);
      // The whole document has the script in it: asked for only when something changed, or reasons may.
      const isWaiting = state === 'pending' || state === 'launching';
      const isArray = known.current?.array != null;
      if (
        known.current === null ||
        known.current.state !== state ||
        known.current.launches !== launches ||
        isWaiting ||
        isArray
      )
        known.current = await api.job(id, signal);
      return { value: known.current, isLast: isEnd(known.current.state) };
    },
    // Members of an array change it, and have ids of their own.
    { api, job: known.current?.array == null ? id : null },
  );
  const [view, setView] = useState<View>('Output');
  useEffect(() => {
    if (job !== null) document.title = `${badgeWords(job)} · ${job.name} · GoDocker`;
  }, [job]);

  if (job === null)
    return error === null ? <p class="muted">Reading…</p> : <Notice kind="error">{error}</Notice>;
  return (
    <>
      <p class="crumbs">
        <a href={isEnd(job.state) ? '#/jobs/over' : '#/jobs'}>← Jobs</a>
      </p>
      <div class="head">
        <h1>
          {job.name || `job ${id}`} <span class="muted">#{id}</span> <StateBadge job={job} />
        </h1>
        <div class="actions">
          <a class="button" href={`#/submit/${id}`}>
            Submit a copy
          </a>
          {!isEnd(job.state) && <KillButton api={api} job={job} onKilled={again} />}
        </div>
      </div>
      {error !== null && <Notice kind="error">{error} Trying again…</Notice>}
      {job.reason !== null && (
        <Notice kind={isEnd(job.state) ? 'warning' : 'info'}>{job.reason}</Notice>
      )}
      {job.state === 'pending' && <WaitingLine api={api} id={id} />}
      {job.description !== '' && <p>{job.description}</p>}
      <Facts job={job} />
      <ViewTabs view={view} onChange={setView} />
      <div id="view" role="tabpanel" aria-labelledby={`tab-${view}`}>
        <ViewOf api={api} job={job} view={view} />
      </div>
    </>
  );
}

function ViewOf({ api, job, view }: { api: Api; job: JobView; view: View }) {
  const isOver = isEnd(job.state);
  const log = { api, jobId: job.id, isOver, hasRun: job.startedAt !== null };
  switch (view) {
    case 'Output':
      return <LogView key={job.launches} {...log} name="god.log" />;
    case 'Errors':
      return <LogView key={job.launches} {...log} name="god.err" />;
    case 'Files':
      return <FileList api={api} jobId={job.id} isOver={isOver} />;
    case 'Script':
      return <pre class="script">{job.script}</pre>;
  }
}

/** Tabs as the ARIA practices have them: one tab stop, arrows move. */
function ViewTabs({ view, onChange }: { view: View; onChange: (view: View) => void }) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const next = VIEWS[(VIEWS.indexOf(view) + step + VIEWS.length) % VIEWS.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onChange(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="About this job" onKeyDown={move}>
      {VIEWS.map((name) => (
        <button
          key={name}
          id={`tab-${name}`}
          type="button"
          role="tab"
          aria-selected={name === view}
          aria-controls="view"
          tabIndex={name === view ? 0 : -1}
          onClick={() => onChange(name)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

function Facts({ job }: { job: JobView }) {
  const now = useNow();
  const pairs: readonly (readonly [string, string])[] = [
    ['Submitted', localTime(job.submittedAt)],
    ['Started', localTime(job.startedAt)],
    ['Ended', localTime(job.endedAt)],
    [job.startedAt === null ? 'Waiting' : 'Run time', ageOf(job, now)],
    ['Exit code', job.outcome?.kind === 'exited' ? String(job.outcome.exitCode) : '-'],
    ['Needs', `${job.cpu} cpu · ${memoryWords(job)}${job.gpus > 0 ? ` · ${job.gpus} gpu` : ''}`],
    ['Launches', launchesWords(job)],
    [job.isImageUsed ? 'Image' : 'Image (not used here)', job.image],
    ...(job.array === null ? [] : [['Array', arrayWords(job.array)] as const]),
    ...(job.member === null
      ? []
      : [['Member', `index ${job.member.index} of array ${job.member.parent}`] as const]),
    ['Node', job.host ?? '-'],
    ['Project', job.project],
    ['Volumes', job.volumes.join(', ')],
    ['Labels', job.labels.join(', ')],
    ['Tags', job.tags.join(', ')],
    ['Directory', job.directory ?? ''],
  ];
  return (
    <dl class="facts">
      {pairs
        .filter(([, value]) => value !== '' && value !== '-')
        .map(([name, value]) => (
          <div key={name} class={value.length > LONG_FACT ? 'long' : ''}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function KillButton({ api, job, onKilled }: { api: Api; job: JobView; onKilled: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [fault, setFault] = useState<string | null>(null);
  const kill = async () => {
    setFault(null);
    try {
      await api.kill(job.id);
      dialog.current?.close();
      onKilled();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <>
      <button
        type="button"
        class="danger"
        disabled={job.state === 'killing'}
        onClick={() => dialog.current?.showModal()}
      >
        {job.state === 'killing' ? 'Being killed…' : 'Kill'}
      </button>
      <dialog ref={dialog} class="card" aria-labelledby="kill-title">
        <h2 id="kill-title">Kill job {job.id}?</h2>
        <p>
          {job.startedAt === null
            ? 'It has not started yet.'
            : 'What it has computed so far stays in its files.'}
        </p>
        {fault !== null && <Notice kind="error">{fault}</Notice>}
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Let it run
          </button>
          <button type="button" class="danger" onClick={kill}>
            Kill it
          </button>
        </div>
      </dialog>
    </>
  );
}
