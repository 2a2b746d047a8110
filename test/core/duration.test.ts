import t from 'tap';
import { durationMsOf, durationText } from '../../src/core/duration.js';

t.test('durations as people write them', async (t) => {
  const cases: Record<string, number> = {
    '7d': 604_800_000,
    '12h': 43_200_000,
    '30 m': 1_800_000,
    '300s': 300_000,
    ' 90 ': 90_000,
    '0': 0,
  };
  for (const [text, ms] of Object.entries(cases)) t.equal(durationMsOf(text), ms, text);
  for (const text of ['', 'd', '1w', '-1s', '1.5h', '7d 2h', '1e3', '1234567890s'])
    t.equal(durationMsOf(text), undefined, `"${text}"`);
});

t.test('what is written is read as the same, in the largest unit that is exact', async (t) => {
  const cases: Record<string, number> = {
    '7d': 604_800_000,
    '25h': 90_000_000,
    '90m': 5_400_000,
    '61s': 60_001,
    '0s': 0,
  };
  for (const [text, ms] of Object.entries(cases)) {
    t.equal(durationText(ms), text);
    t.equal(durationMsOf(text), Math.ceil(ms / 1_000) * 1_000);
  }
});
