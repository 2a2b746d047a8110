/** A call that runs `work` now; while it runs, any number of calls lead to one more run after it. */
export function coalesced(work: () => Promise<void>): () => void {
  let isRunning = false;
  let isAskedAgain = false;
  const run = async (): Promise<void> => {
    isRunning = true;
    try {
      do {
        isAskedAgain = false;
        await work();
      } while (isAskedAgain);
    } finally {
      isRunning = false;
    }
  };
  return () => {
    if (isRunning) isAskedAgain = true;
    else void run();
  };
}
