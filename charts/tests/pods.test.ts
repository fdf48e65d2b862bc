import { expect, test } from "vitest";
import { podsOf, type RenderedPod, render, variants } from "./render.ts";
import { breaches, rules } from "./restricted.ts";

test.for(variants)("every pod of $name meets the level `restricted`", async (variant) => {
  const pods = podsOf(await render(variant));

  expect(pods.map(({ from }) => from)).toEqual(expect.arrayContaining(["Deployment sagacart-order"]));
  expect(breaches(pods)).toEqual([]);
});

const good = {
  automountServiceAccountToken: false,
  securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      image: "sagacart/order:1.0.0",
      resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "128Mi" } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    },
  ],
  volumes: [{ name: "tmp", emptyDir: {} }],
};
type PodSpec = typeof good;
type Container = PodSpec["containers"][number];

const inContainer = (change: (container: Container) => object) => (spec: PodSpec) => ({
  ...spec,
  containers: spec.containers.map((container) => ({ ...container, ...change(container) })),
});
const inContext = (change: object) =>
  inContainer(({ securityContext }) => ({ securityContext: { ...securityContext, ...change } }));

const bad: readonly (readonly [rule: string, change: (spec: PodSpec) => object])[] = [
  ["runs as a numeric user that is not root", inContext({ runAsUser: 0 })],
  ["runs as a numeric user that is not root", (spec) => ({ ...spec, securityContext: {} })],
  ["has the runtime's seccomp profile", inContext({ seccompProfile: { type: "Unconfined" } })],
  ["drops all capabilities and adds none", inContext({ capabilities: { drop: ["ALL"], add: ["NET_RAW"] } })],
  ["cannot gain privileges", inContext({ privileged: true })],
  ["has a read-only root file system", inContext({ readOnlyRootFilesystem: false })],
  ["does not access its node", (spec) => ({ ...spec, hostNetwork: true })],
  ["mounts only volume types that the level allows", (spec) => ({ ...spec, volumes: [{ name: "a", nfs: {} }] })],
  ["gets no Kubernetes token", (spec) => ({ ...spec, automountServiceAccountToken: undefined })],
  ["requests CPU and memory, and has a memory limit", inContainer(() => ({ resources: {} }))],
  ["pins its image by a tag or digest", inContainer(() => ({ image: "sagacart/order:latest" }))],
];

test.for(bad)("a pod that breaks the rule `%s` is detected", ([rule, change]) => {
  const pod = (spec: object): RenderedPod[] => [{ from: "Pod a", metadata: {}, spec }];

  expect(breaches(pod(good))).toEqual([]);
  expect(breaches(pod(change(good)))).toContain(`Pod a not: ${rule}`);
});

test("each rule has a bad pod", () => {
  expect(new Set(bad.map(([rule]) => rule))).toEqual(new Set(rules.map(({ name }) => name)));
});
