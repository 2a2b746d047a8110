import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.js';

/** A hidden tab asks this much less often. */
const HIDDEN_TIMES = 10;
const AWAY_MS_MAX = 30_000;

export interface Polled<T> {
  readonly value: T | null;
  /** What went wrong the last time; an older value may still be there. */
  readonly error: string | null;
  /** Asks again now. */
  readonly again: () => void;
}

/**
 * Asks every `eachMs` while the page is shown, and again when `key` changes. `ask` returns undefined to stop
 * asking. An answer that comes after the key has changed is dropped.
 */
export function usePolling<T>(
  key: string,
  eachMs: number,
  ask: (signal: AbortSignal) => Promise<{ value: T; isLast?: boolean }>,
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
    const look = async () => {
      clearTimeout(timer);
      let isLast = false;
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
      if (isLast) return;
      const slower = document.hidden ? HIDDEN_TIMES : 1;
      timer = setTimeout(look, Math.min(AWAY_MS_MAX, eachMs * slower * 2 ** Math.min(failures, 5)));
    };
    const onShown = () => {
      if (!document.hidden && timer !== undefined) void look();
    };
    document.addEventListener('visibilitychange', onShown);
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onShown);
    };
  }, [key, eachMs, turn]);
  const again = () => setTurn((old) => old + 1);
  return state.key === key
    ? { value: state.value, error: state.error, again }
    : { value: null, error: null, again };
}
