// Waiting for something of the outside world: asked again and again, with a limit that says what was missed.

/** Asks `probe` until it answers something other than undefined or false. */
export async function waitFor<T>(
  what: string,
  limitMs: number,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  eachMs = 50,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() - startedAt > limitMs)
      throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await sleep(eachMs);
  }
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves with the promise or after `limitMs`, whichever comes first; leaves no timer behind. */
export async function within(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}
