import { readdir, readFile } from "node:fs/promises";
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from "@temporalio/worker";
import { DeterminismViolationError } from "@temporalio/workflow";
import { beforeAll, describe, expect, test } from "vitest";
import { workflowCode } from "./workflow-code.ts";

const directory = new URL("../histories/", import.meta.url);
const recorded = (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();

// Without the progress of a bundle and of each worker. The core warns of a replay that fails, and the test sees its error.
const logger = new DefaultLogger("WARN");
const filter = makeTelemetryFilterString({ core: "ERROR", other: "ERROR" });
Runtime.install({ logger, telemetryOptions: { logging: { filter } } });

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  workflowBundle = await bundleWorkflowCode({ ...workflowCode, logger });
});

describe("a run that was recorded goes the same way today", () => {
  test.each(recorded)("%s", async (name) => {
    const history: unknown = JSON.parse(await readFile(new URL(name, directory), "utf8"));
    // Replays without a server; a different way throws a DeterminismViolationError.
    await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined();
  });

  test("and a way that it did not go is found out", async () => {
    const history = JSON.parse(
      await readFile(new URL(`${recorded.find((name) => name.includes("declined"))}`, directory), "utf8"),
    );
    const markers = history.events.filter(({ eventType }: { eventType: string }) => /MARKER/.test(eventType));
    history.events.splice(history.events.indexOf(markers[0]), 1);
    for (const [index, event] of history.events.entries()) {
      event.eventId = String(index + 1);
    }
    await expect(Worker.runReplayHistory({ workflowBundle }, history)).rejects.toThrow(DeterminismViolationError);
  });
});
