import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { searchAttribute } from "../../scripts/stack/temporal.ts";
import type { Cluster, KubeObject } from "./cluster.ts";
import type { Context } from "./context.ts";
import { createProgress } from "./progress.ts";
import { ensureNamespace, fillIn } from "./temporal.ts";

const shopsNamespace = "another";

const read = (file: string) => readFileSync(new URL(`../temporal/${file}`, import.meta.url), "utf8");
const production = parse(read("values-prod.yaml"));
// biome-ignore lint/suspicious/noExplicitAny: Kubernetes objects of many kinds.
const objects = (file: string): any[] =>
  parseAllDocuments(fillIn(read(file), { SHOP_NAMESPACE: shopsNamespace })).map((document) => document.toJS());

test("in production, Temporal answers only callers with a certificate of its CA, and so do its pods each other", () => {
  const { tls } = production.server.config;
  for (const { server, client } of [tls.frontend, tls.internode]) {
    expect(server).toMatchObject({ requireClientAuth: true, clientCaFiles: ["/etc/temporal/tls/ca.crt"] });
    expect(client).toEqual({ serverName: "temporal-frontend", rootCaFiles: ["/etc/temporal/tls/ca.crt"] });
  }
  const secret = production.server.additionalVolumes[0].secret.secretName;
  const certificates = objects("tls-prod.yaml").filter(({ kind }) => kind === "Certificate");
  const server = certificates.find(({ spec }) => spec.secretName === secret);
  expect(server.metadata.namespace).toBe("temporal");
  expect(server.spec.usages).toEqual(expect.arrayContaining(["server auth", "client auth"]));
  expect(server.spec.dnsNames).toContain("temporal-frontend.temporal.svc.cluster.local");
  const { mutualTls } = parse(read("shop-values-prod.yaml")).temporal;
  const client = certificates.find(({ spec }) => spec.secretName === mutualTls.secretName);
  expect(client.metadata.namespace).toBe(shopsNamespace);
  expect(client.spec.issuerRef).toEqual(server.spec.issuerRef);
});

test("in production, Temporal has no open pages, and nobody but the shop's workers calls its frontend", () => {
  expect(production.web).toEqual({ enabled: false });
  const policies = objects("network-policy-prod.yaml");
  expect(policies.every(({ kind }) => kind === "NetworkPolicy")).toBe(true);
  // One of them covers every pod, and lets nobody in from other namespaces.
  const all = policies.filter(
    ({ spec }) => Object.keys(spec.podSelector).length === 0 && spec.ingress[0].ports === undefined,
  );
  expect(all.map(({ spec }) => spec.ingress)).toEqual([[{ from: [{ podSelector: {} }] }]]);
  const toFrontend = policies.flatMap(({ spec }) =>
    spec.ingress.filter(({ ports = [] }) => ports.some(({ port }: { port: number }) => port === 7233)),
  );
  expect(toFrontend.flatMap(({ from }) => from)).toEqual([
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": shopsNamespace } },
      podSelector: { matchLabels: { "app.kubernetes.io/name": "worker" } },
    },
    { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "temporal-system" } } },
  ]);
});

test("the shop's namespace has the search attribute that workers set, as on a laptop", () => {
  const attribute = /^export const orderSearchAttribute = "(\w+)"/m.exec(
    readFileSync(new URL("../../workflows/src/dispatch/order-search.ts", import.meta.url), "utf8"),
  )?.[1];
  expect(searchAttribute).toBe(attribute);
  expect(read("namespace/job.yaml")).toContain(`--name ${attribute} --type KeywordList`);
});

test("a namespace that is being deleted is waited for before it is created again", async () => {
  const ending: KubeObject = { metadata: { name: "shop", deletionTimestamp: "2026-01-01T00:00:00Z" } };
  const found = [ending, undefined];
  const created: number[] = [];
  const cluster: Partial<Cluster> = {
    find: async () => found.shift(),
    apply: async () => void created.push(found.length),
  };
  const lines: string[] = [];
  const progress = createProgress((line) => lines.push(line));
  // Only what the function uses.
  await ensureNamespace({ cluster, progress } as unknown as Context, "shop");

  expect(created).toEqual([0]);
  expect(lines[0]).toContain("the deletion of the namespace shop, at most 900 s: Terminating");
});
