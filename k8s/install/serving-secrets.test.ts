import { expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import type { Context } from "./context.ts";
import { createProgress } from "./progress.ts";
import { secrets } from "./secrets.ts";
import { createServingSecrets, renderedShop, servingSecrets } from "./serving-secrets.ts";

const cluster = (name: string, bootstrap: string, roles: string) => `
kind: Cluster
metadata: { name: ${name} }
spec:
  bootstrap: ${bootstrap}
  managed: { roles: [${roles}] }
`;
const order = cluster(
  "shop-order-db",
  "{ initdb: { database: order, owner: order } }",
  "{ name: order_serving, passwordSecret: { name: shop-order-db-serving } }, { name: audit, passwordSecret: { name: shop-audit } }",
);
const restored = cluster(
  "shop-stock-db-2",
  "{ recovery: { database: stock, owner: stock } }",
  "{ name: stock_serving, passwordSecret: { name: shop-stock-db-2-serving } }",
);
const servedByItsOwner = cluster("shop-payment-db", "{ initdb: { database: payment } }", "");

function contextOf(profile: string, there: readonly string[], written: string[]) {
  const cluster: Partial<Cluster> = {
    find: async () => undefined,
    list: async () => there.map((name) => ({ metadata: { name } })),
    helm: async () => [order, restored, servedByItsOwner].join("---\n"),
    kubectl: async (args, input) => {
      written.push(`${args.join(" ")} ${input}`);
      return "";
    },
    apply: async () => undefined,
  };
  const options = { profile, namespace: "here", release: "shop", values: [], set: [] };
  // Only what the step uses.
  return { cluster, options, progress: createProgress(() => {}) } as unknown as Context;
}

const created = async (context: Context) => await createServingSecrets(context, await renderedShop(context));

test("each Cluster with a role to serve gets a Secret with the URL of its own database", () => {
  const made = servingSecrets([order, restored, servedByItsOwner, "kind: Service\n"].join("---\n"), "here");

  expect(made.map(({ name, data: { username } }) => [name, username])).toEqual([
    ["shop-order-db-serving", "order_serving"],
    ["shop-stock-db-2-serving", "stock_serving"],
  ]);
  const [one, two] = made.map(({ data }) => data);
  expect(one?.uri).toBe(`postgresql://order_serving:${one?.password}@shop-order-db-rw.here:5432/order`);
  expect(two?.uri).toBe(`postgresql://stock_serving:${two?.password}@shop-stock-db-2-rw.here:5432/stock`);
  expect(one?.password).toMatch(/^[\w-]{32}$/);
  expect(one?.password).not.toBe(two?.password);
});

test.each(["dev", "ci", "prod"])("in %s, missing ones are created for CloudNativePG to follow", async (profile) => {
  const written: string[] = [];

  expect(await created(contextOf(profile, ["shop-stock-db-2-serving"], written))).toEqual(["shop-order-db-serving"]);

  expect(written).toEqual([expect.stringMatching(/^create -f - \{/)]);
  expect(JSON.parse(written[0]!.slice("create -f - ".length))).toMatchObject({
    kind: "Secret",
    metadata: { name: "shop-order-db-serving", namespace: "here", labels: { "cnpg.io/reload": "true" } },
    stringData: { username: "order_serving" },
  });
});

test("one that exists is never written, whoever made it", async () => {
  const written: string[] = [];
  const there = ["shop-order-db-serving", "shop-stock-db-2-serving"];

  expect(await created(contextOf("prod", there, written))).toEqual([]);
  await secrets(contextOf("prod", there, written)).catch(() => undefined);

  expect(written).toEqual([]);
});
