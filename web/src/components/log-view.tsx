import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Api, ApiError } from '../api.js';
import { type Line, LogBuffer } from '../log-buffer.js';

/** Of a file that is long already, only the end is shown. */
const TAIL_BYTES = 512 * 1024;
const LOOK_MS_MIN = 100;
const LOOK_MS_MAX = 1_500;
const SLOWER_BY = 1.5;
/** A file server may show a new file late. */
const LATE_FILE_MS_MAX = 65_000;
/** How near the end still counts as being at the end, in pixels. */
const NEAR_END = 24;

export interface LogViewProps {
  readonly api: Api;
  readonly jobId: number;
  readonly name: 'god.log' | 'god.err';
  /** The job is over: what is there now is all there will be. */
  readonly isOver: boolean;
  readonly hasRun: boolean;
}

interface Shown {
  readonly lines: readonly Line[];
  readonly dropped: number;
  readonly skippedBytes: number;
  readonly end: 'growing' | 'complete' | 'missing';
  readonly error: string | null;
}

const NOTHING: Shown = { lines: [], dropped: 0, skippedBytes: 0, end: 'growing', error: null };

/** The output of a job while it is written. Follows the end until the reader scrolls up. */
export function LogView({ api, jobId, name, isOver, hasRun }: LogViewProps) {
  const [shown, setShown] = useState(NOTHING);
  const [isAtEnd, setAtEnd] = useState(true);
  const box = useRef<HTMLPreElement>(null);
  const life = useRef({ isOver, hasRun });
  life.current = { isOver, hasRun };

  useEffect(() => {
    const stop = new AbortController();
    setShown(NOTHING);
    setAtEnd(true);
    void readOn({ api, jobId, name, signal: stop.signal, life: () => life.current, setShown });
    return () => stop.abort();
  }, [api, jobId, name]);

  useLayoutEffect(() => {
    if (isAtEnd && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [shown, isAtEnd]);

  const onScroll = () => {
    const { scrollTop, clientHeight, scrollHeight } = box.current ?? document.body;
    setAtEnd(scrollHeight - scrollTop - clientHeight < NEAR_END);
  };

  const cut = shown.dropped > 0 || shown.skippedBytes > 0;
  return (
    <div class="log-frame">
      {cut && <p class="log-note">Only the end is shown here. Files has the whole of it.</p>}
      <pre
        ref={box}
        class="log"
        role="log"
        aria-live="off"
        aria-label={name === 'god.log' ? 'Output' : 'Errors'}
        onScroll={onScroll}
      >
        {shown.lines.map((line) => (
          <LineView key={line.number} line={line} />
        ))}
        {shown.lines.length === 0 && <span class="log-empty">{emptyWords(shown, isOver)}</span>}
      </pre>
      <div class="log-foot muted">
        <span>
          {shown.error ?? (shown.end === 'growing' ? (hasRun ? 'following…' : '') : 'complete')}
        </span>
        {!isAtEnd && (
          <button type="button" class="quiet" onClick={() => setAtEnd(true)}>
            Jump to the end
          </button>
        )}
      </div>
    </div>
  );
}

/** A line that did not change gives the very same element, which is then not looked at again. */
function LineView({ line }: { line: Line }) {
  return useMemo(
    () => (
      <span class="line">
        {line.pieces.map((piece) =>
          piece.style === '' ? piece.text : <span class={piece.style}>{piece.text}</span>,
        )}
        {'\n'}
      </span>
    ),
    [line.pieces],
  );
}

function emptyWords({ end }: Shown, isOver: boolean): string {
  if (end === 'missing') return 'The job wrote no such file.';
  if (end === 'complete') return 'Nothing was written.';
  return isOver ? 'Reading…' : 'Nothing yet. What the job writes appears here at once.';
}

async function readOn({
  api,
  jobId,
  name,
  signal,
  life,
  setShown,
}: Pick<LogViewProps, 'api' | 'jobId' | 'name'> & {
  signal: AbortSignal;
  life: () => { isOver: boolean; hasRun: boolean };
  setShown: (shown: Shown) => void;
}): Promise<void> {
  const buffer = new LogBuffer();
  let from: number | null = null;
  let skippedBytes = 0;
  let lookMs = LOOK_MS_MIN;
  let overSince: number | null = null;
  const show = (end: Shown['end'], error: string | null = null) =>
    setShown({ lines: buffer.lines, dropped: buffer.dropped, skippedBytes, end, error });
  while (!signal.aborted) {
    // Asked before reading: only then is what we read all there is.
    const { isOver, hasRun } = life();
    try {
      const piece = await api.log(jobId, name, { from, tailBytes: TAIL_BYTES, signal });
      if (piece.isThere) from = piece.next;
      skippedBytes += piece.skipped;
      buffer.push(piece.bytes);
      lookMs = piece.bytes.length > 0 ? LOOK_MS_MIN : Math.min(LOOK_MS_MAX, lookMs * SLOWER_BY);
      if (isOver) overSince ??= performance.now();
      const isLate = overSince !== null && performance.now() - overSince > LATE_FILE_MS_MAX;
      if (isOver && (piece.isThere || !hasRun || isLate)) {
        show(piece.isThere ? 'complete' : 'missing');
        return;
      }
      if (piece.bytes.length > 0) show('growing');
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      show('growing', `${error.message} Trying again…`);
      lookMs = LOOK_MS_MAX;
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
