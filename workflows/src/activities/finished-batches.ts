/**
 * Word of batches whose steps are over, within one process: sooner than Temporal, which has yet to be told of it. For a
 * batch that another process carries no word comes.
 */
export type Carried = {
  /** Says that this batch's steps are over; nothing happens where nobody listens for it. */
  tell(workflowId: string): void;
  /** Calls `listener` when they are, once at most. Returns what ends the listening. */
  listen(workflowId: string, listener: () => void): () => void;
};

export function createCarried(): Carried {
  const listeners = new Map<string, () => void>();
  return {
    tell(workflowId) {
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
