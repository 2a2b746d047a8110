import { estimateWords, positionWords, type WhyView } from '../../../src/cli/why-view.js';
import type { Api } from '../api.js';
import { usePolling } from '../polling.js';

/** The leader makes it anew about this often. */
const LOOK_MS = 10_000;

/** Where a waiting job stands, and about when it starts. Says nothing while nothing is known. */
export function WaitingLine({ api, id }: { api: Api; id: number }) {
  const { value } = usePolling<WhyView>(`why ${id}`, LOOK_MS, async (signal) => {
    const view = await api.why(id, signal);
    return { value: view, isLast: !view.isWaiting };
  });
  if (value === null || !value.isWaiting) return null;
  const words = [
    ['Place', positionWords(value.position)],
    ['Start', estimateWords(value.estimate)],
  ].filter(([, text]) => text !== '');
  if (words.length === 0) return null;
  return <p class="muted">{words.map(([name, text]) => `${name}: ${text}`).join(' · ')}</p>;
}
