/**
 * Announces batches whose steps are finished, within one process, before Temporal knows.
 * Batches that run in another process are never announced here.
 */
export type FinishedBatches = {
  /** Announces a batch; does nothing when nobody listens for it. */
  announce(workflowId: string): void;
  /** Calls `listener` when the batch is announced, at most once. Returns a function that removes the listener. */
  listen(workflowId: string, listener: () => void): () => void;
};

export function createFinishedBatches(): FinishedBatches {
  const listeners = new Map<string, () => void>();
  return {
    announce(workflowId) {
      const listener = listeners.get(workflowId);
      listeners.delete(workflowId);
      listener?.();
    },
    listen(workflowId, listener) {
      listeners.set(workflowId, listener);
      return () => listeners.delete(workflowId);
    },
  };
}
