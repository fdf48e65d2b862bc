import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cloneFolder } from "../../scripts/clone.ts";
import { render, variants } from "./render.ts";
import { requestsOf } from "./requests.ts";

const readme = readFileSync(join(cloneFolder, "k8s/README.md"), "utf8");

test.for(["dev", "ci", "prod-small", "prod"])("k8s/README.md says what %s requests", async (name) => {
  const variant = variants.find((one) => one.name === name);
  if (variant === undefined) throw new Error(`no profile ${name}`);
  const objects = await render(variant);
  const [least, most] = [requestsOf(objects, "least"), requestsOf(objects, "most")];

  const row = `| ${name} | ${least.cpu} | ${least.memory} GiB | ${most.cpu} | ${most.memory} GiB | ${least.volumes} GiB |`;
  expect(readme.split("\n").filter((line) => line.startsWith(`| ${name} |`))).toEqual([row]);
});

test("the requests of pods are counted as often as there are pods", () => {
  const container = { resources: { requests: { cpu: "250m", memory: "512Mi" } } };
  const template = { spec: { containers: [container, container] } };
  const objects = [
    { kind: "Deployment", metadata: { name: "a" }, spec: { template } },
    { kind: "Deployment", metadata: { name: "b" }, spec: { replicas: 3, template } },
    { kind: "HorizontalPodAutoscaler", spec: { scaleTargetRef: { name: "a" }, minReplicas: 2, maxReplicas: 4 } },
    {
      kind: "Cluster",
      spec: { instances: 2, storage: { size: "5Gi" }, resources: { requests: { cpu: 1, memory: "1Gi" } } },
    },
    { kind: "CronJob", spec: {} },
  ];
  expect(requestsOf(objects, "least")).toEqual({ cpu: 4.5, memory: 7, volumes: 10 });
  expect(requestsOf(objects, "most")).toEqual({ cpu: 5.5, memory: 9, volumes: 10 });
});
