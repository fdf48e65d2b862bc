import { readdir, readFile } from "node:fs/promises";
import { Worker, type WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { DeterminismViolationError } from "@temporalio/workflow";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleWorkflows, silenceTemporal } from "../testing/temporal-environment.ts";

const directory = new URL("../../histories/", import.meta.url);
const recorded = (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  silenceTemporal();
  workflowBundle = await bundleWorkflows();
}, 60_000);

describe("a recorded run replays with the code of today", () => {
  test.each(recorded)("%s", async (name) => {
    const history: unknown = JSON.parse(await readFile(new URL(name, directory), "utf8"));
    // Needs no server; throws a DeterminismViolationError when the code takes another way.
    await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined();
  });

  test("a run that went another way does not replay", async () => {
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
