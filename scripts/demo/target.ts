/** The shop that the stories run against. */
export type Target = AsyncDisposable & {
  readonly stateDirectory: string;
  readonly addresses: Readonly<Record<string, string>>;
  /** True if its data is deleted when it ends, so that nothing needs to be cleaned up. */
  readonly isTemporary: boolean;
  /** Runs the audit and prints its findings. Returns true if there are none. */
  readonly audit: (say: (line: string) => void) => Promise<boolean>;
  /** Kills the worker with SIGKILL. Returns the process id, or pod name, of it and of its replacement. */
  readonly replaceWorker: () => Promise<{ killed: number | string; started: number | string }>;
};
