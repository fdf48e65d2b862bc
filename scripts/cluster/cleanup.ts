import { readFile } from "node:fs/promises";
import { optional, readEnv, text } from "@sagacart/chassis/process/config";
import { until } from "../until.ts";
import { endWorkerDeployment, removeHookObjects } from "./end-release.ts";

// Runs in the cluster before `helm uninstall` removes a release, with the rights of its ServiceAccount. It ends the worker's
// versions: while their pods poll, Temporal refuses to delete them, and the Worker Controller keeps the WorkerDeployment. And it
// deletes what helm leaves: the seed's job and the tests' pods.

const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const config = readEnv({
  RELEASE: text(),
  NAMESPACE: text(),
  /** The WorkerDeployment; absent with a plain Deployment. */
  WORKER_DEPLOYMENT: optional(text()),
});

async function ask(method: string, path: string, body?: object): Promise<{ status: number; json: unknown }> {
  const host = `https://${process.env.KUBERNETES_SERVICE_HOST}:${process.env.KUBERNETES_SERVICE_PORT}`;
  const response = await fetch(new URL(path, host), {
    method,
    headers: {
      authorization: `Bearer ${(await readFile(`${account}/token`, "utf8")).trim()}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/merge-patch+json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, json: await response.json() };
}

const release = { ask, namespace: config.NAMESPACE, release: config.RELEASE, until };
const say = (line: string) => process.stdout.write(`${line}\n`);
if (config.WORKER_DEPLOYMENT !== undefined) {
  await endWorkerDeployment({ ...release, name: config.WORKER_DEPLOYMENT }, say);
}
await removeHookObjects(release, say);
