import type { Shop } from "../../scripts/kubernetes/shop.ts";
import type { ReadyCluster } from "./clusters.ts";
import type { Install, Values } from "./installer.ts";
import type { Result } from "./report.ts";

/** The arguments of a scenario. */
export type Stage = {
  readonly cluster: ReadyCluster;
  readonly shop: Shop;
  /** The tag of the images. */
  readonly tag: string;
  /** The installer's steps for the first installation: `all`, or a list. */
  readonly firstSteps: string;
  /** The commit that the scenario of upgrades begins with; by default the last release. */
  readonly upgradeFrom?: string | undefined;
  /** Installs the shop, or upgrades it with these values on top of the profile's, and waits until it is ready. */
  readonly install: Install;
  /** Returns another shop on this cluster, in a namespace with this suffix, which is not installed yet. */
  another(suffix: string): {
    readonly shop: Shop;
    readonly install: Install;
    /** Returns the values of such an installation, on top of the ci profile's. */
    values(changes: Values): Values;
  };
  /** Prints a line of progress. */
  say(line: string): void;
  /** Prints a measurement, and adds it to the table at the end. */
  measured(line: string): void;
};

/** One promise of the charts. Its `run` rejects if the promise is broken. */
export type Scenario = {
  readonly name: string;
  readonly promise: string;
  run(stage: Stage): Promise<void>;
};

/** Thrown by a scenario that cannot run on this cluster, with the reason. */
export class NotHere extends Error {
  override readonly name = "NotHere";
}

/** Runs a scenario and returns its result. Never rejects. */
export async function perform(
  scenario: Scenario,
  stage: Omit<Stage, "say" | "measured">,
  write: (line: string) => void,
): Promise<Result> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const measurements: string[] = [];
  const say = (line: string) => write(`   ${seconds().toFixed(1).padStart(6)} s  ${line}`);
  write(`\n== ${scenario.name}: ${scenario.promise}`);
  const measured = (line: string) => {
    measurements.push(line);
    say(line);
  };
  try {
    await scenario.run({ ...stage, say, measured });
    write(`PASS ${scenario.name} (${seconds().toFixed(1)} s)`);
    return { name: scenario.name, outcome: "PASS", seconds: seconds(), said: measurements };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const outcome = error instanceof NotHere ? "SKIP" : "FAIL";
    write(`${outcome} ${scenario.name} (${seconds().toFixed(1)} s): ${why}`);
    return { name: scenario.name, outcome, seconds: seconds(), said: [...measurements, why.split("\n")[0] ?? ""] };
  }
}

/** Throws an error with this message unless the condition holds. */
export function check(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new Error(sentence);
}
