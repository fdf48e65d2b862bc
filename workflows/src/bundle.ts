import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode } from "@temporalio/worker";

const [path] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write("usage: bundle.ts FILE – writes the workflows' code as one file, for WORKFLOW_BUNDLE_PATH\n");
  process.exit(1);
}
const { code } = await bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL("workflows.ts", import.meta.url)) });
await writeFile(path, code);
