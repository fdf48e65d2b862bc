import { expect, test } from "vitest";
import { serviceClients } from "../../scripts/shop.ts";
import type { Cluster } from "./cluster.ts";
import type { Context } from "./context.ts";
import { createProgress } from "./progress.ts";
import { revisionsOf, secrets, wantedSecrets } from "./secrets.ts";

test("identity and each program have the same client secret", () => {
  const secrets = wantedSecrets({}, true);
  const known: Record<string, string> = JSON.parse(secrets.identity?.SERVICE_CLIENT_SECRETS ?? "{}");
  expect(known.order).toBe(secrets.order?.SERVICE_CLIENT_SECRET);
  expect(known.worker).toBe(secrets.worker?.SERVICE_CLIENT_SECRET);
  expect(Object.keys(known).toSorted()).toEqual([...serviceClients].toSorted());
});

test("programs of the tools image sign in as the seeded operator, and in production there is none", () => {
  expect(wantedSecrets({}, true).tools).toEqual({ OPERATOR_PASSWORD: "admin123" });
  const SEED_USERS = JSON.stringify([{ username: "admin", password: "of this shop" }]);
  expect(wantedSecrets({ identity: { SEED_USERS } }, true).tools).toEqual({ OPERATOR_PASSWORD: "of this shop" });
  expect(wantedSecrets({}, false)).not.toHaveProperty("tools");
  const withApp = JSON.stringify([{ username: "admin", password: "of this shop", totp_secret: "GEZDGNBVGY3TQOJQ" }]);
  expect(wantedSecrets({ identity: { SEED_USERS: withApp } }, true).tools).toEqual({
    OPERATOR_PASSWORD: "of this shop",
    OPERATOR_TOTP_SECRET: "GEZDGNBVGY3TQOJQ",
  });
});

test("a program whose Secret is lost gets the client secret that identity has", () => {
  const there = { identity: { SERVICE_CLIENT_SECRETS: JSON.stringify({ order: "of-the-order-service" }) } };
  expect(wantedSecrets(there, true).order).toEqual({ SERVICE_CLIENT_SECRET: "of-the-order-service" });
});

test("identity gets the client secrets that programs already have", () => {
  const { identity } = wantedSecrets({ gateway: { SERVICE_CLIENT_SECRET: "of-the-gateway-here" } }, true);
  expect(JSON.parse(identity?.SERVICE_CLIENT_SECRETS ?? "{}")).toMatchObject({ gateway: "of-the-gateway-here" });
});

test("production has no seeded users, and needs a mail server", () => {
  const { identity = {}, notifier = {} } = wantedSecrets({}, false);
  expect(Object.keys(identity)).toEqual(["KEY_ENCRYPTION_SECRET", "SERVICE_CLIENT_SECRETS", "SMTP_URL"]);
  expect(Object.keys(notifier)).toEqual(["SERVICE_CLIENT_SECRET", "UNSUBSCRIBE_SECRETS", "SMTP_URL"]);
});

test("the surfaces have a client secret in dev and ci, and none in production, where they do not run", () => {
  const trying = wantedSecrets({}, true);
  const production = wantedSecrets({}, false);
  const known = ({ identity }: ReturnType<typeof wantedSecrets>) =>
    JSON.parse(identity?.SERVICE_CLIENT_SECRETS ?? "{}");

  expect(trying.surfaces?.SERVICE_CLIENT_SECRET).toBe(known(trying).surfaces);
  expect(production).not.toHaveProperty("surfaces");
  expect(known(production)).not.toHaveProperty("surfaces");
});

test("in production, what the chart's pods refer to and what is missing is named, and nothing is written", async () => {
  const manifests = `
kind: Deployment
spec:
  template:
    spec:
      volumes:
        - secret: { secretName: vault-order, items: [{ key: SERVICE_CLIENT_SECRET }, { key: OTHER }] }
        - secret: { secretName: optional, optional: true }
        - secret: { secretName: order-tls }
        - secret: { secretName: shop-order-db-app, items: [{ key: uri }] }
      containers:
        - env: [{ valueFrom: { secretKeyRef: { name: audit-urls, key: AUDIT_ORDER_URL } } }]
---
kind: Certificate
spec: { secretName: order-tls }
---
kind: Cluster
metadata: { name: shop-order-db }
`;
  const written: string[] = [];
  const cluster: Partial<Cluster> = {
    find: async () => undefined,
    list: async () => [
      { metadata: { name: "vault-order" }, data: { SERVICE_CLIENT_SECRET: "" } },
      { metadata: { name: "shop-identity" }, data: { SERVICE_CLIENT_SECRETS: Buffer.from("{}").toString("base64") } },
    ],
    helm: async () => manifests,
    kubectl: async (args) => {
      written.push(args.join(" "));
      return "";
    },
    apply: async () => undefined,
  };
  const options = { profile: "prod", namespace: "shop", release: "shop", values: [], set: [] };
  // Only what the step uses.
  const context = { cluster, options, progress: createProgress(() => {}) } as unknown as Context;

  const message = await secrets(context).catch((error: Error) => error.message);
  expect(message).toContain("\n  vault-order: OTHER\n  audit-urls: AUDIT_ORDER_URL\n");
  expect(message).toContain("shop-identity: in SERVICE_CLIENT_SECRETS, the clients ");
  expect(message).not.toMatch(/optional|order-tls|-db-app/);
  expect(written).toEqual([]);
});

test("a program whose Secret is lost while its client secret is changed gets the first of the two", () => {
  const there = { identity: { SERVICE_CLIENT_SECRETS: JSON.stringify({ order: ["the-new-one", "the-one-before"] }) } };
  expect(wantedSecrets(there, true).order).toEqual({ SERVICE_CLIENT_SECRET: "the-new-one" });
});

test("only the pods whose Secret has changed get another revision, whatever the order of its keys", () => {
  const before = wantedSecrets({}, true);
  const reordered = { ...before, payment: Object.fromEntries(Object.entries(before.payment ?? {}).toReversed()) };
  expect(revisionsOf(reordered)).toEqual(revisionsOf(before));

  const changed = { ...before, payment: { ...before.payment, PROVIDER_WEBHOOK_SECRET: "another" } };
  const [one, other] = [revisionsOf(before), revisionsOf(changed)];
  expect(Object.keys(one).filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]))).toEqual([
    "payment",
  ]);
  expect(one).toMatchObject({ worker: { secretRevision: expect.stringMatching(/^[0-9a-f]{16}$/) } });
  expect(Object.keys(one)).toEqual(expect.arrayContaining(["order", "identity", "gateway", "worker"]));
  expect(one).not.toHaveProperty("audit");
});
