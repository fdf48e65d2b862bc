import { fileURLToPath } from "node:url";

/** The modules of the workflows' code, as options of bundleWorkflowCode. */
export const workflowCode = {
  workflowsPath: fileURLToPath(new URL("../sagas/workflows.ts", import.meta.url)),
  workflowInterceptorModules: [fileURLToPath(new URL("../trace/workflow-interceptors.ts", import.meta.url))],
};
