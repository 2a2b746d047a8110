// Does with wishes what the leader does, at once: for tests of the API alone.
import type { Store } from '../../src/contracts/store.js';
import { readWish, WISH_PREFIX } from '../../src/contracts/wishes.js';
import { step } from '../../src/core/lifecycle.js';
import { instant } from '../../src/core/units.js';
import { leader } from '../store/a-job.js';

export async function carryOutWishes(store: Store): Promise<void> {
  for (const [name, text] of await store.settings(WISH_PREFIX)) {
    const wish = readWish(text);
    const job = wish === undefined ? undefined : await store.job(wish.id);
    if (wish?.kind === 'amend' && job?.version === wish.version) {
      const taken = step(job, { kind: 'amended', spec: wish.spec }, instant(wish.at));
      const epoch = (await store.lease())?.epoch ?? (await leader(store));
      const { state, launches } = job;
      if (taken.kind === 'moved')
        await store.advance(epoch, [
          { from: { state, launches }, unlessKillWanted: false, to: taken.job, amends: true },
        ]);
    }
    if (wish?.kind === 'amend') await store.dropSetting(name);
  }
}
