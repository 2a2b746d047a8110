import { useEffect, useRef, useState } from 'preact/hooks';
import { type Api, ApiError, type Site } from '../api.js';
import { describedBy, Field } from '../components/field.js';
import { Notice } from '../components/notice.js';
import { type Draft, documentOf, draftFrom, freshDraft } from '../draft.js';

/** Which input shows what the server said about a field. Everything else is shown on top. */
const INPUT_OF: readonly (readonly [RegExp, keyof Draft])[] = [
  [/^meta\.name/, 'name'],
  [/^meta\.description/, 'description'],
  [/^meta\.tags/, 'tags'],
  [/^command\.cmd/, 'script'],
  [/^container\.image/, 'image'],
  [/^container\.volumes/, 'volumes'],
  [/^requirements\.cpu/, 'cpu'],
  [/^requirements\.(ram|mem)/, 'ramGb'],
  [/^requirements\.gpus/, 'gpus'],
  [/^requirements\.label/, 'labels'],
];

interface Fault {
  readonly input: keyof Draft | null;
  readonly message: string;
}

export function SubmitPage({ api, site, copyOf }: { api: Api; site: Site; copyOf: number | null }) {
  const [draft, setDraft] = useState<Draft>(() => freshDraft(site));
  const [fault, setFault] = useState<Fault | null>(null);
  const [isBusy, setBusy] = useState(false);
  /** One key for one content: sending the same form twice makes one job. */
  const sent = useRef<{ text: string; key: string } | null>(null);

  useEffect(() => {
    document.title = 'Submit a job · GoDocker';
    if (copyOf === null) return;
    api.job(copyOf).then(
      (job) => setDraft(draftFrom(job, site)),
      (error: Error) => setFault({ input: null, message: `Job ${copyOf}: ${error.message}` }),
    );
  }, [api, site, copyOf]);
  useFocusOn(fault?.input ?? null);

  const change = (part: Partial<Draft>) => {
    setDraft((old) => ({ ...old, ...part }));
    setFault(null);
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const document = documentOf(draft);
    const text = JSON.stringify(document);
    if (sent.current?.text !== text) sent.current = { text, key: randomKey() };
    setBusy(true);
    setFault(null);
    try {
      const { id } = await api.submit(document, sent.current.key);
      location.hash = `#/jobs/${id}`;
    } catch (error) {
      setFault(faultOf(error));
      setBusy(false);
    }
  };
  const errorFor = (input: keyof Draft) => (fault?.input === input ? fault.message : null);

  return (
    <form class="submit" onSubmit={submit}>
      <div class="head">
        <h1>Submit a job</h1>
      </div>
      {fault !== null && fault.input === null && <Notice kind="error">{fault.message}</Notice>}
      <div class="columns">
        <ScriptFields draft={draft} change={change} errorFor={errorFor} />
        <div class="side">
          <NeedsFields site={site} draft={draft} change={change} errorFor={errorFor} />
          <VolumeFields site={site} draft={draft} change={change} error={errorFor('volumes')} />
          <MoreFields draft={draft} change={change} errorFor={errorFor} />
          <button type="submit" class="primary wide" disabled={isBusy}>
            {isBusy ? 'Submitting…' : 'Submit'}
          </button>
        </div>
      </div>
    </form>
  );
}

/** Brings the reader to the input that has to be changed. */
function useFocusOn(input: keyof Draft | null): void {
  useEffect(() => {
    if (input !== null) document.getElementById(input)?.focus();
  }, [input]);
}

interface Part {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly errorFor: (input: keyof Draft) => string | null;
}

function ScriptFields({ draft, change, errorFor }: Part) {
  const onKeyDown = (event: KeyboardEvent) => {
    const isSend = event.key === 'Enter' && (event.ctrlKey || event.metaKey);
    if (isSend) (event.currentTarget as HTMLTextAreaElement).form?.requestSubmit();
  };
  return (
    <div class="main">
      <Field id="name" label="Name" error={errorFor('name')}>
        <input
          id="name"
          value={draft.name}
          maxLength={256}
          required
          aria-describedby={describedBy('name')}
          aria-invalid={errorFor('name') !== null}
          onInput={(event) => change({ name: event.currentTarget.value })}
        />
      </Field>
      <Field
        id="script"
        label="Script"
        class="grow"
        hint="The first line chooses the interpreter. Ctrl+Enter submits."
        error={errorFor('script')}
      >
        <textarea
          id="script"
          class="code"
          rows={18}
          spellcheck={false}
          autocapitalize="none"
          required
          aria-describedby={describedBy('script')}
          aria-invalid={errorFor('script') !== null}
          value={draft.script}
          onInput={(event) => change({ script: event.currentTarget.value })}
          onKeyDown={onKeyDown}
        />
      </Field>
    </div>
  );
}

function NeedsFields({ site, draft, change, errorFor }: Part & { site: Site }) {
  const amount = (id: 'cpu' | 'ramGb' | 'gpus', label: string, step: string, min: string) => (
    <Field id={id} label={label} error={errorFor(id)}>
      <input
        id={id}
        type="number"
        inputMode="decimal"
        min={min}
        step={step}
        value={draft[id]}
        required
        aria-describedby={describedBy(id)}
        aria-invalid={errorFor(id) !== null}
        onInput={(event) => change({ [id]: event.currentTarget.value })}
      />
    </Field>
  );
  return (
    <>
      <ImageField site={site} draft={draft} change={change} errorFor={errorFor} />
      <div class="triple">
        {amount('cpu', 'Cpu', 'any', '0.001')}
        {amount('ramGb', 'Memory, GB', 'any', '0.001')}
        {amount('gpus', 'GPU', '1', '0')}
      </div>
    </>
  );
}

function ImageField({ site, draft, change, errorFor }: Part & { site: Site }) {
  return (
    <Field
      id="image"
      label="Container image"
      hint={site.isImageUsed ? undefined : 'Not used here: jobs run as plain processes.'}
      error={errorFor('image')}
    >
      {site.isAnyImageAllowed ? (
        <>
          <input
            id="image"
            list="images"
            value={draft.image}
            aria-describedby={describedBy('image')}
            onInput={(event) => change({ image: event.currentTarget.value })}
          />
          <datalist id="images">
            {site.images.map(({ url, name }) => (
              <option key={url} value={url}>
                {name}
              </option>
            ))}
          </datalist>
        </>
      ) : (
        <select
          id="image"
          value={draft.image}
          aria-describedby={describedBy('image')}
          onChange={(event) => change({ image: event.currentTarget.value })}
        >
          {site.images.map(({ url, name }) => (
            <option key={url} value={url}>
              {name === url ? url : `${name} (${url})`}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function VolumeFields({
  site,
  draft,
  change,
  error,
}: Pick<Part, 'draft' | 'change'> & { site: Site; error: string | null }) {
  if (site.volumes.length === 0) return null;
  const pick = (name: string, acl: 'ro' | 'rw' | null) => {
    const { [name]: _, ...others } = draft.volumes;
    change({ volumes: acl === null ? others : { ...others, [name]: acl } });
  };
  return (
    <fieldset id="volumes" tabIndex={-1}>
      <legend>Volumes</legend>
      {site.volumes.map(({ name, acl, mount }) => {
        const chosen = draft.volumes[name];
        return (
          <div class="volume" key={name}>
            <label>
              <input
                type="checkbox"
                checked={chosen !== undefined}
                onChange={(event) => pick(name, event.currentTarget.checked ? acl : null)}
              />
              {name} <code class="muted">{mount}</code>
            </label>
            {acl === 'rw' ? (
              <select
                aria-label={`Access to ${name}`}
                value={chosen ?? acl}
                disabled={chosen === undefined}
                onChange={(event) => pick(name, event.currentTarget.value === 'rw' ? 'rw' : 'ro')}
              >
                <option value="ro">read only</option>
                <option value="rw">read and write</option>
              </select>
            ) : (
              <span class="muted">read only</span>
            )}
          </div>
        );
      })}
      {error !== null && (
        <p class="field-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}

function MoreFields({ draft, change, errorFor }: Part) {
  const text = (id: 'description' | 'tags' | 'labels', label: string, hint: string) => (
    <Field id={id} label={label} hint={hint} error={errorFor(id)}>
      <input
        id={id}
        value={draft[id]}
        aria-describedby={describedBy(id)}
        aria-invalid={errorFor(id) !== null}
        onInput={(event) => change({ [id]: event.currentTarget.value })}
      />
    </Field>
  );
  const isNeeded = (['description', 'tags', 'labels'] as const).some(
    (id) => draft[id] !== '' || errorFor(id) !== null,
  );
  return (
    <details open={isNeeded}>
      <summary>More</summary>
      {text('description', 'Description', '')}
      {text('tags', 'Tags', 'Words to find it by, separated by commas.')}
      {text('labels', 'Only on agents with', 'As in gpu==a100, separated by commas.')}
    </details>
  );
}

function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  const field = error instanceof ApiError ? error.field : null;
  const found = INPUT_OF.find(([pattern]) => field !== null && pattern.test(field));
  if (found === undefined) return { input: null, message };
  // The sentence opens with the field's name on the wire, which says nothing here.
  return { input: found[1], message: message.replace(`${field}: `, '') };
}

/** `crypto.randomUUID` is missing where the page came over plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
