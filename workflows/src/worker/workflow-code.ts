import { fileURLToPath } from "node:url";

/** What the workflows' code is made of: for bundleWorkflowCode. */
export const workflowCode = {
  workflowsPath: fileURLToPath(new URL("../sagas/workflows.ts", import.meta.url)),
  workflowInterceptorModules: [fileURLToPath(new URL("../trace/workflow-interceptors.ts", import.meta.url))],
};
