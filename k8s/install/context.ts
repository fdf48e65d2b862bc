import type { Cluster } from "./cluster.ts";
import type { Options } from "./options.ts";
import type { Progress } from "./progress.ts";

/** The arguments of every step. */
export type Context = {
  readonly cluster: Cluster;
  readonly options: Options;
  readonly progress: Progress;
};
