/** The shop that the stories run in. */
export type Stage = AsyncDisposable & {
  readonly stateDirectory: string;
  readonly addresses: Readonly<Record<string, string>>;
  /** Reads the laws, and tells what it found; whether none is broken. */
  readonly audit: (say: (line: string) => void) => Promise<boolean>;
  /** Kills the worker with -9. What it was called, a process or a pod, and what the one is called that came instead. */
  readonly replaceWorker: () => Promise<{ killed: number | string; started: number | string }>;
};
