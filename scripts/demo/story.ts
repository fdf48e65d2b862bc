import type { CardDashboard } from "./card-dashboard.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Shop } from "./shop.ts";

/** The arguments of a story. */
export type StoryContext = {
  readonly shop: Shop;
  /** The gateway's URL: `http://127.0.0.1:8080`. */
  readonly origin: string;
  /** The folder for data that the next run needs. */
  readonly stateDirectory: string;
  /** The list of what the story makes: it is removed when the demo ends. */
  readonly cleanup: Cleanup;
  /** Prints a line. */
  readonly say: (line: string) => void;
  /** The simulated card provider, outside the shop; undefined where it cannot be reached, as in a cluster. */
  readonly dashboard: CardDashboard | undefined;
  /** Kills the worker with SIGKILL. Returns the process id, or pod name, of it and of its replacement. */
  readonly replaceWorker: () => Promise<{ killed: number | string; started: number | string }>;
};

export type Story = { readonly title: string; readonly run: (context: StoryContext) => Promise<void> };
