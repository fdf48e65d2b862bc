import { TestWorkflowEnvironment } from "@temporalio/testing";

// node temporal-download.ts <folder>: downloads the dev server through the SDK. The SDK has no download without a start,
// so this starts the server once, on a free port, and stops it.
const [downloadDir] = process.argv.slice(2);
if (downloadDir === undefined) throw new Error("usage: node temporal-download.ts <folder>");
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: "cached-download", downloadDir } },
  });
  await environment.teardown();
} catch (error) {
  // Print one line: the innermost cause is the useful one.
  process.stderr.write(
    `${(error instanceof Error ? error.message : String(error)).split(": ").slice(-2).join(": ")}\n`,
  );
  process.exitCode = 1;
}
