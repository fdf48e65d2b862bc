import { expect, test } from "vitest";
import { merged, refusal, variants } from "./render.ts";

const ci = { files: ["k8s/profiles/ci.yaml"] };
const prod = variants.find(({ name }) => name === "prod")!;
const onProd = (values: object) => ({ ...prod, values: merged(prod.values, values) });

// Values that were removed, or have another name elsewhere; and values that cannot be meant.
test.for<[object, string]>([
  [{ order: { replicaCount: 2 } }, "order.replicaCount is no value of this chart: say order.replicas instead."],
  [{ order: { env: {} } }, "order.env is no value of this chart: say order.config instead."],
  [
    { order: { existingSecret: "a" } },
    "order.existingSecret is no value of this chart: say order.secret.existingSecret instead.",
  ],
  [{ order: { hpa: {} } }, "order.hpa is no value of this chart: say order.autoscaling instead."],
  [{ order: { pdb: {} } }, "order.pdb is no value of this chart: say order.podDisruptionBudget instead."],
  [
    { order: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 3 } } },
    "order.autoscaling.minReplicas is 5, which is more than maxReplicas, 3.",
  ],
  [
    { order: { secret: { keys: { SERVICE_CLIENT_SECRET: false } } } },
    "order.auth.callsServices needs order.secret.keys.SERVICE_CLIENT_SECRET=true: with it the service gets its token.",
  ],
  [
    { payment: { secret: { keys: { PROVIDER_API_KEY: "sk_live_1" } } } },
    "payment.secret.keys.PROVIDER_API_KEY must be true or false.",
  ],
  [
    { gateway: { ingress: { enabled: true } } },
    "gateway.ingress.hosts is empty: name the hosts that the Ingress is for, as {shop.example}.",
  ],
  [
    { gateway: { httpRoute: { enabled: true } } },
    "gateway.httpRoute.parentRefs is empty: name the Gateway that the route belongs to.",
  ],
  [
    { global: { world: { enabled: false } }, shipping: { config: { CARRIER_URL: "https://carrier.example" } } },
    "payment.config.PROVIDER_URL is not set: say where the card provider is, or global.world.enabled=true for a simulated one.",
  ],
  [
    { temporal: { tls: true } },
    "temporal.tls without mutualTls or apiKey: the Worker Controller speaks TLS only where it has a client certificate or an API key.",
  ],
  [
    { databases: { enabled: false }, audit: { enabled: false }, tests: { audit: false } },
    "database.existingSecret.name is not set: name the Secret with the URL of its Postgres.",
  ],
  [
    { order: { replicas: 20 } },
    "order can have 20 pods, with 288 connections in all, but max_connections of its database is",
  ],
])("%j is refused with a sentence", async ([values, sentence]) => {
  expect(await refusal({ ...ci, values })).toContain(sentence);
});

test.for<[object, string]>([
  [{ global: { publicUrl: "http://shop.example" } }, "so it must begin with https://."],
  [
    { global: { publicUrl: "https://shop.example", world: { enabled: true } } },
    "the simulated card provider takes every card.",
  ],
  [
    { databases: { size: "laptop", cluster: { parameters: { max_connections: "300" } } } },
    "databases.size is laptop, which global.production refuses: one instance, and no standby.",
  ],
  [
    { order: { config: { AUTH: "off" } } },
    "order has AUTH=off, which global.production refuses: whoever reaches it could do everything.",
  ],
  [
    { global: { publicUrl: "https://shop.example", surfaces: { enabled: true } } },
    "global.surfaces.enabled is true, which global.production refuses: three of the four surfaces have no sign-in.",
  ],
])("%j is refused in production", async ([values, sentence]) => {
  expect(await refusal(onProd(values))).toContain(sentence);
});

// What the schema says, in its own words: where, and what is wrong there.
test.for<[object, RegExp]>([
  [{ order: { replicas: "many" } }, /order.*replicas.*(integer|string)/i],
  [{ order: { probes: { timeoutSeconds: 0 } } }, /timeoutSeconds.*(minimum|greater|>=)/i],
  [{ order: { colour: "red" } }, /colour/],
  [{ worker: { mode: "magic" } }, /mode.*(one of|must be)/i],
  [{ global: { image: { pullPolicy: "Sometimes" } } }, /pullPolicy.*(one of|must be)/i],
  [{ global: { networkPolicy: { temporal: [] } } }, /temporal.*(minItems|items|at least)/i],
])("%j is refused by the schema, which names it", async ([values, words]) => {
  expect(await refusal({ ...ci, values })).toMatch(words);
});

test("a profile of ours is refused by nothing", async () => {
  expect(await Promise.all(variants.map(refusal))).toEqual(variants.map(() => undefined));
});
