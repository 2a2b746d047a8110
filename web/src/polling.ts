import { useEffect, useRef, useState } from 'preact/hooks';
import { type Api, ApiError } from './api.js';

/** A hidden tab asks this much less often. */
const HIDDEN_TIMES = 10;
const AWAY_MS_MAX = 30_000;
/** While the server tells of changes one asks this seldom, for what is no change of a job. */
const TOLD_MS = 10_000;
/** Changes that come together are asked about once. */
const TOLD_PAUSE_MS = 250;

export interface Polled<T> {
  readonly value: T | null;
  /** What went wrong the last time; an older value may still be there. */
  readonly error: string | null;
  /** Asks again now. */
  readonly again: () => void;
}

/** Whose changes are waited for in place of asking; `job` null: any job's. */
export interface Told {
  readonly api: Api;
  readonly job: number | null;
}

/**
 * Asks every `eachMs` while the page is shown, and again when `key` changes. `ask` returns undefined to stop
 * asking. An answer that comes after the key has changed is dropped. With `told` it asks when the server tells of a change, and
 * only while the server does not tell it asks every `eachMs`.
 */
export function usePolling<T>(
  key: string,
  eachMs: number,
  ask: (signal: AbortSignal) => Promise<{ value: T; isLast?: boolean }>,
  told?: Told,
): Polled<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: string | null }>({
    key,
    value: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let isAsking = false;
    let isChanged = false;
    let soon: ReturnType<typeof setTimeout> | undefined;
    const changes = told?.api.changes;
    const look = async () => {
      clearTimeout(timer);
      clearTimeout(soon);
      let isLast = false;
      soon = undefined;
      isAsking = true;
      isChanged = false;
      try {
        const answer = await asking.current(stop.signal);
        if (stop.signal.aborted) return;
        failures = 0;
        isLast = answer.isLast === true;
        setState({ key, value: answer.value, error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        failures++;
        isLast = error instanceof ApiError && error.status === 404;
        const message = error instanceof Error ? error.message : String(error);
        setState((old) => ({ key, value: old.key === key ? old.value : null, error: message }));
      }
      isAsking = false;
      if (isLast) {
        endHearing?.();
        timer = undefined;
        return;
      }
      const slower = document.hidden ? HIDDEN_TIMES : 1;
      const usualMs = changes?.isLive === true ? Math.max(TOLD_MS, eachMs) : eachMs;
      const waitMs = Math.min(AWAY_MS_MAX, usualMs * slower * 2 ** Math.min(failures, 5));
      timer = setTimeout(look, waitMs);
      if (isChanged) onChange(null);
    };
    const onChange = (jobs: ReadonlySet<number> | null) => {
      const job = told?.job ?? null;
      if (jobs !== null && job !== null && !jobs.has(job)) return;
      // What was asked before the change may not show it.
      isChanged = true;
      if (!isAsking && !document.hidden) soon ??= setTimeout(look, TOLD_PAUSE_MS);
    };
    const endHearing = changes?.hear(onChange);
    const onShown = () => {
      if (!document.hidden && timer !== undefined) void look();
    };
    document.addEventListener('visibilitychange', onShown);
    void look();
    return () => {
      stop.abort();
      endHearing?.();
      clearTimeout(timer);
      clearTimeout(soon);
      document.removeEventListener('visibilitychange', onShown);
    };
  }, [key, eachMs, turn, told?.api, told?.job]);
  const again = () => setTurn((old) => old + 1);
  return state.key === key
    ? { value: state.value, error: state.error, again }
    : { value: null, error: null, again };
}
