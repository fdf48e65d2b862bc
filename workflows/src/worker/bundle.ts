import { writeFile } from "node:fs/promises";
import { bundleWorkflowCode } from "@temporalio/worker";
import { workflowCode } from "./workflow-code.ts";

const [path] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write("usage: bundle.ts FILE – writes the workflows' code into one file, for WORKFLOW_BUNDLE_PATH\n");
  process.exit(1);
}
const { code } = await bundleWorkflowCode(workflowCode);
await writeFile(path, code);
