import { TestWorkflowEnvironment } from "@temporalio/testing";

// node temporal-download.ts <folder>: has the SDK download the dev server that belongs to it. The SDK only downloads
// what it also starts, so it is started once, on a port of its own, and stopped.
const [downloadDir] = process.argv.slice(2);
if (downloadDir === undefined) throw new Error("Which folder?");
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: "cached-download", downloadDir } },
  });
  await environment.teardown();
} catch (error) {
  // One line for the person who waits: the last cause is the one that tells.
  process.stderr.write(
    `${(error instanceof Error ? error.message : String(error)).split(": ").slice(-2).join(": ")}\n`,
  );
  process.exitCode = 1;
}
