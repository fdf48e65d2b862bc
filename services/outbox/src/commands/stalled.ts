import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Command } from "@sagacart/proto/command/v1/command";

/** A command that was handed over and whose subject has not moved since. */
export type StalledCommand = {
  readonly command: Command;
  /** The workflow that owns the subject; "" for none. */
  readonly ownerWorkflowId: string;
};

/** Finds and restarts stalled commands. Only the service knows whether a command's subject moves. */
export type StalledCommands = {
  /** Lists tracked commands whose subject has not changed for `stalledForMs`, the oldest first. */
  list(pool: Pool, stalledForMs: number, limit: number): Promise<StalledCommand[]>;
  /**
   * Opens commands again whose subject is still owned by the named workflow, and takes the subject from it. Returns the
   * ids of those that it opened.
   */
  restart(tx: Transaction, items: readonly { commandId: string; ownerWorkflowId: string }[]): Promise<string[]>;
};
