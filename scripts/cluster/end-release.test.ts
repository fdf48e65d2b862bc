import { expect, test } from "vitest";
import { until } from "../until.ts";
import { type Ask, endWorkerDeployment, removeHookObjects } from "./end-release.ts";

/** An API server with one version of the worker, which its controller scales up once more while it is being ended. */
function startApi() {
  const calls: string[] = [];
  let replicas = 2;
  let revivals = 1;
  const list = (...items: object[]) => ({ status: 200, json: { items } });
  const ask: Ask = async (method, path, body) => {
    calls.push(`${method} ${path.replace(/\?.*/, "")}${body === undefined ? "" : ` ${JSON.stringify(body)}`}`);
    if (method === "PATCH") replicas = 0;
    if (method !== "GET") return { status: 200, json: {} };
    if (path.includes("/deployments")) return list({ metadata: { name: "worker-v1" }, spec: { replicas } });
    const pods = replicas > 0 || revivals > 0 ? [{ metadata: { name: "worker-pod" } }] : [];
    if (replicas === 0 && revivals-- > 0) replicas = 1;
    return list(...pods);
  };
  return { calls, ask, namespace: "shop", release: "sagacart", until };
}

test("the deletion is asked for first, and a version that comes up again is ended again", async () => {
  const api = startApi();
  await endWorkerDeployment({ ...api, name: "sagacart-worker" }, () => {});

  const deployments = "/apis/apps/v1/namespaces/shop/deployments";
  expect(api.calls.filter((call) => !call.startsWith("GET"))).toEqual([
    "DELETE /apis/temporal.io/v1alpha1/namespaces/shop/workerdeployments/sagacart-worker",
    `PATCH ${deployments}/worker-v1/scale {"spec":{"replicas":0}}`,
    `PATCH ${deployments}/worker-v1/scale {"spec":{"replicas":0}}`,
  ]);
  expect(api.calls.at(-1)).toBe("GET /api/v1/namespaces/shop/pods");
});

test("the seed's job and the tests' pods are deleted, and missing ones are no error", async () => {
  const api = startApi();
  const calls: string[] = [];
  const ask: Ask = async (method, path) => {
    calls.push(`${method} ${path}`);
    return { status: 404, json: {} };
  };
  await removeHookObjects({ ...api, ask }, () => {});
  expect(calls).toEqual([
    "DELETE /apis/batch/v1/namespaces/shop/jobs/sagacart-seed?propagationPolicy=Background",
    "DELETE /api/v1/namespaces/shop/pods/sagacart-test-health",
    "DELETE /api/v1/namespaces/shop/pods/sagacart-test-checkout",
    "DELETE /api/v1/namespaces/shop/pods/sagacart-test-audit",
    "DELETE /api/v1/namespaces/shop/pods/sagacart-test-public-url",
  ]);
});

test("an answer of the API server that is no success ends it with that answer", async () => {
  const ask: Ask = async () => ({ status: 403, json: { message: "workerdeployments is forbidden" } });
  const ended = endWorkerDeployment({ ...startApi(), ask, name: "sagacart-worker" }, () => {});
  await expect(ended).rejects.toThrow('the API server answered 403: {"message":"workerdeployments is forbidden"}');
});
