import { expect, test } from "vitest";
import { deployedNames } from "../../scripts/shop.ts";
import { merged, refusal, variants } from "./render.ts";

const ci = { files: ["k8s/profiles/ci.yaml"] };
const prod = variants.find(({ name }) => name === "prod")!;
const onProd = (values: object) => ({ ...prod, values: merged(prod.values, values) });

/** Values of an Ingress behind a proxy that is known. */
const onIngress = (ingress: object) => ({
  gateway: {
    ingress: { enabled: true, hosts: ["shop.example"], ...ingress },
    config: { TRUSTED_PROXIES: "10.0.0.0/8" },
  },
});

// Values that were removed or have another name in other charts, and invalid combinations.
test.for<[object, string]>([
  [{ order: { replicaCount: 2 } }, "order.replicaCount is not a value of this chart: use order.replicas instead."],
  [{ order: { env: {} } }, "order.env is not a value of this chart: use order.config instead."],
  [
    { order: { existingSecret: "a" } },
    "order.existingSecret is not a value of this chart: use order.secret.existingSecret instead.",
  ],
  [{ order: { hpa: {} } }, "order.hpa is not a value of this chart: use order.autoscaling instead."],
  [{ order: { pdb: {} } }, "order.pdb is not a value of this chart: use order.podDisruptionBudget instead."],
  [
    { order: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 3 } } },
    "order.autoscaling.minReplicas is 5, which is more than maxReplicas, 3.",
  ],
  [
    { order: { secret: { keys: { SERVICE_CLIENT_SECRET: false } } } },
    "order.auth.callsServices needs order.secret.keys.SERVICE_CLIENT_SECRET=true: the service gets its token with this secret.",
  ],
  [
    { gateway: { config: { LAUNCHER_ADDRESS: "127.0.0.1:4321" } } },
    "gateway has LAUNCHER_ADDRESS, but a cluster has no launcher",
  ],
  [
    { gateway: { extraEnv: [{ name: "LAUNCHER_ADDRESS", value: "127.0.0.1:4321" }] } },
    "gateway has LAUNCHER_ADDRESS, but a cluster has no launcher",
  ],
  [
    { payment: { secret: { keys: { PROVIDER_API_KEY: "sk_live_1" } } } },
    "payment.secret.keys.PROVIDER_API_KEY must be true or false.",
  ],
  [
    { gateway: { ingress: { enabled: true } } },
    "gateway.ingress.hosts is empty: set the hosts of the Ingress, for example {shop.example}.",
  ],
  [
    { gateway: { httpRoute: { enabled: true } } },
    "gateway.httpRoute.parentRefs is empty: set the Gateway of the route.",
  ],
  [
    { global: { world: { enabled: false } }, shipping: { config: { CARRIER_URL: "https://carrier.example" } } },
    "payment.config.PROVIDER_URL is not set: set it to the URL of the card provider, or set global.world.enabled=true for a simulated one.",
  ],
  [
    { temporal: { tls: true } },
    "temporal.tls is true without mutualTls or apiKey: the Worker Controller uses TLS only with a client certificate or an API key.",
  ],
  [
    { databases: { enabled: false }, audit: { enabled: false }, tests: { audit: false } },
    "database.existingSecret.name is not set: set it to the Secret with the URL of its Postgres.",
  ],
  [
    { order: { replicas: 20 } },
    "order can have 20 pods with 288 connections in total, but its database's max_connections is",
  ],
  [
    { order: { config: { LOG_LEVLE: "debug" } } },
    "order.config.LOG_LEVLE: order has no variable LOG_LEVLE. Is it LOG_LEVEL?",
  ],
  [
    { worker: { config: { MAX_BATCHS: 3 } } },
    "worker.config.MAX_BATCHS: worker has no variable MAX_BATCHS. Is it MAX_BATCHES?",
  ],
  [
    { global: { config: { LOGLEVEL: "debug" } } },
    "global.config.LOGLEVEL: a part of the shop has no variable LOGLEVEL. Is it LOG_LEVEL?",
  ],
  [{ stock: { secret: { keys: { KEY: true } } } }, "stock.secret.keys.KEY: stock has no variable KEY."],
  [{ order: { config: { PORT: 9999 } } }, "order.config.PORT is set: the chart derives it."],
  [
    { order: { config: { DRAIN_TIMEOUT_MS: 1 } } },
    "order.config.DRAIN_TIMEOUT_MS is set: the chart derives it. Set drain.timeoutMs.",
  ],
  [
    { worker: { config: { TEMPORAL_ADDRESS: "a:1" } } },
    "worker.config.TEMPORAL_ADDRESS is set: the chart derives it. Set temporal.address.",
  ],
  [
    { order: { config: { STOCK_ADDRESS: "dns:///another-stock:8082" } } },
    'order.config.STOCK_ADDRESS is "dns:///another-stock:8082", where nothing of the release is',
  ],
  [
    { order: { config: { STOCK_ADDRESS: "stock.other.svc:8082" } } },
    "order.networkPolicy.extraEgress is empty: the network policy would refuse the calls.",
  ],
  [
    { payment: { config: { PROVIDER_URL: "https://cards.example:8443" } } },
    "payment.networkPolicy.internetPorts lacks 8443, the port of payment.config.PROVIDER_URL",
  ],
  [
    { identity: { config: { KEY_ENCRYPTION_SECRET: "x" } } },
    "identity.config.KEY_ENCRYPTION_SECRET is a secret, which values never contain",
  ],
  [
    { notifier: { config: { SMTP_URL: "smtps://me:hunter2@mail.example" } } },
    "notifier.config.SMTP_URL is a secret, which values never contain",
  ],
  [
    { payment: { secret: { keys: { PROVIDER_API_KEY: false } } } },
    "payment does not start without PROVIDER_API_KEY: put it into the Secret sagacart-payment",
  ],
  [{ order: { extraEnv: [{ name: "PORT", value: "1" }] } }, "order.extraEnv has PORT, which the chart sets itself."],
  [
    {
      order: {
        extraEnv: [
          { name: "A", value: "1" },
          { name: "A", value: "2" },
        ],
      },
    },
    "order.extraEnv has A twice.",
  ],
  [{ order: { extraEnv: [{ name: "A_PASSWORD", value: "1" }] } }, "use valueFrom.secretKeyRef."],
  [
    { order: { extraVolumeMounts: [{ name: "a", mountPath: "/a" }] } },
    "order.extraVolumeMounts names the volume a, which is not in order.extraVolumes.",
  ],
  [
    { worker: { extraVolumes: [{ name: "a", emptyDir: {} }] } },
    "worker.extraVolumes has the volume a, which worker.extraVolumeMounts does not mount.",
  ],
  [{ order: { extraVolumes: [{ name: "tmp", emptyDir: {} }] } }, "order.extraVolumes has a second volume tmp"],
  [
    { order: { podLabels: { "app.kubernetes.io/name": "a" } } },
    "order.podLabels has app.kubernetes.io/name, which the chart sets itself",
  ],
  [
    { order: { resources: { requests: { memory: "1Gi" } } } },
    "order.resources.requests.memory is 1Gi, which is more than its limit, 512Mi",
  ],
  [{ order: { enabled: false } }, "order.enabled is false: the other parts of the release call it."],
  [{ order: { protocol: "http" } }, "order.protocol is http: the process serves grpc."],
  [
    { order: { fullnameOverride: "order" } },
    'order.fullnameOverride is "order": the other parts of the release call it sagacart-order.',
  ],
  [{ identity: { extraPorts: [] } }, "identity.extraPorts lacks the port 8096, which other parts of the release call."],
  [{ order: { database: { existingSecret: { name: "mine" } } } }, "order.database.peers is empty"],
  [
    { order: { database: { existingSecret: { name: "mine" }, peers: [{}] } } },
    "audit.urlsSecret is not set, and the chart does not create the database of order",
  ],
  [{ databases: { services: { order: { clusterName: "a" } } } }, "use order.database.clusterName"],
  [
    { global: { auth: { issuer: "https://login.example" } } },
    "global.auth.jwksUrl is empty: an external issuer needs all of issuer, jwksUrl and tokenUrl",
  ],
  [{ global: { networkPolicy: { edges: {} } } }, "global.networkPolicy.edges is not a value of this chart"],
  [
    { gateway: { ingress: { enabled: true, hosts: ["a.example"] }, networkPolicy: { callers: [] } } },
    "gateway.networkPolicy.callers is empty",
  ],
  [
    { temporal: { mutualTls: { secretName: "a" }, apiKey: { secretName: "b" } } },
    "temporal has both mutualTls.secretName and apiKey.secretName",
  ],
])("%j is rejected with an explanation", async ([values, sentence]) => {
  expect(await refusal({ ...ci, values })).toContain(sentence);
});

test.for<[object, string]>([
  [{ global: { publicUrl: "http://shop.example" } }, "so it must begin with https://."],
  [
    { global: { image: { registry: "" } } },
    "global.image.registry is not set, which global.production rejects: the cluster would run whatever its default registry has under sagacart/.",
  ],
  [
    { global: { publicUrl: "https://shop.example", world: { enabled: true } } },
    "the simulated card provider charges no card.",
  ],
  [
    { databases: { size: "laptop", cluster: { parameters: { max_connections: "300" } } } },
    "databases.size is laptop, which global.production rejects: it has one instance and no standby.",
  ],
  [
    { gateway: { ingress: onIngress({ tls: [{ hosts: ["shop.example"], secretName: "a" }] }).gateway.ingress } },
    "gateway.config.TRUSTED_PROXIES is not set, which global.production rejects with gateway.ingress",
  ],
  [
    {
      gateway: {
        httpRoute: {
          enabled: true,
          parentRefs: [{ name: "public", sectionName: "https" }],
          hostnames: ["shop.example"],
        },
        config: { TRUSTED_PROXIES: "" },
      },
    },
    "behind a proxy all callers would be one, and a few wrong passwords would block everybody's sign-in.",
  ],
  [
    {
      gateway: {
        ingress: onIngress({ tls: [{ hosts: ["shop.example"], secretName: "a" }] }).gateway.ingress,
        config: { TRUSTED_PROXIES: "130.211.0.0/22, 35.191.0.0/16" },
      },
    },
    "TRUSTED_PROXIES has Google's proxies without the load balancer's own address",
  ],
  [
    { payment: { config: { PROVIDER_URL: "http://cards.example" } } },
    'payment.config.PROVIDER_URL is "http://cards.example", which global.production rejects',
  ],
  [
    { shipping: { config: { CARRIER_URL: "HTTP://carrier.example" } } },
    'shipping.config.CARRIER_URL is "HTTP://carrier.example", which global.production rejects',
  ],
  [
    { temporal: { mutualTls: { secretName: "" } } },
    "temporal has neither mutualTls.secretName nor apiKey.secretName, which global.production rejects",
  ],
  ...[{}, { audit: { enabled: false }, tests: { audit: false } }].map((more): [object, string] => [
    { global: { tls: { enabled: false } }, ...more },
    "global.tls.enabled is false, which global.production rejects",
  ]),
  [{ gateway: { tls: { serve: false } } }, "gateway.tls.serve is false, which global.production rejects"],
  ...["sagacart-otel:4318", "otel-collector.monitoring:4318"].map((host): [object, string] => [
    { global: { otel: { endpoint: `http://${host}` } } },
    `global.otel.endpoint is "http://${host}", which global.production rejects`,
  ]),
  ...["gateway", "global"].map((part): [object, string] => [
    { [part]: { config: { TRACES_URL: "http://127.0.0.1:4318" } } },
    "gateway.config.TRACES_URL is set, which global.production rejects",
  ]),
  [onIngress({}), "gateway.ingress has no certificate, which global.production rejects"],
  [onIngress({ annotations: { "cert-manager.io/cluster-issuer": "a" } }), "gateway.ingress has no certificate"],
  [onIngress({ tls: [{ hosts: ["shop.example"] }] }), "gateway.ingress.tls has an entry without secretName"],
  [
    onIngress({ tls: [{ hosts: ["other.example", "*.shop.example"], secretName: "a" }] }),
    "gateway.ingress.hosts has shop.example, which no entry of gateway.ingress.tls covers",
  ],
  [
    { identity: { config: { SEED_WEAK_PASSWORDS: true } } },
    "identity.config.SEED_WEAK_PASSWORDS is true, which global.production rejects: anybody could guess an operator's password.",
  ],
  [
    { global: { config: { SEED_WEAK_PASSWORDS: "true" } } },
    "identity.config.SEED_WEAK_PASSWORDS is true, which global.production rejects",
  ],
  [
    onIngress({
      annotations: {
        "alb.ingress.kubernetes.io/certificate-arn": "arn",
        "alb.ingress.kubernetes.io/listen-ports": '[{"HTTP":80},{"HTTPS":443}]',
      },
    }),
    "gateway.ingress.annotations lets the load balancer listen for plain HTTP",
  ],
  ...[{ name: "public" }, { name: "public", port: 80 }].map((parentRef): [object, string] => [
    { gateway: { httpRoute: { enabled: true, parentRefs: [parentRef] }, config: { TRUSTED_PROXIES: "10.0.0.0/8" } } },
    "gateway.httpRoute.parentRefs names the Gateway public without a listener, which global.production rejects",
  ]),
  [
    { order: { config: { AUTH: "off" } } },
    "order has AUTH=off, which global.production rejects: any caller could do anything.",
  ],
  [
    { global: { auth: { secondFactor: "off" } } },
    "has AUTH_SECOND_FACTOR=off, which global.production rejects: who learns an operator's password could refund",
  ],
  [
    { global: { config: { AUTH_SECOND_FACTOR: "off" } } },
    "has AUTH_SECOND_FACTOR=off, which global.production rejects",
  ],
  [
    { identity: { config: { AUTH_SECOND_FACTOR: "off" } } },
    "identity has AUTH_SECOND_FACTOR=off, which global.production rejects",
  ],
  [
    { global: { publicUrl: "https://shop.example", surfaces: { enabled: true } } },
    "global.surfaces.enabled is true, which global.production rejects: three of the four surfaces have no sign-in.",
  ],
  [{ audit: { enabled: false } }, "audit.enabled is false and audit.every is empty, which global.production rejects"],
  [
    { tests: { checkout: { enabled: true, paymentMethod: "pm_ok" } } },
    "tests.checkout.paymentMethod is pm_ok, which global.production rejects",
  ],
  [
    { identity: { config: { MAIL_FROM: "" } } },
    "identity.config.MAIL_FROM is not set, which global.production rejects",
  ],
  ...[
    "Sagacart <orders@sagacart.example>",
    "orders@example.com",
    "orders@shop.example.org",
    "A <a@b.test>",
    "a@localhost",
    "a@EXAMPLE.NET",
  ].map((sender): [object, string] => [
    { notifier: { config: { MAIL_FROM: sender } } },
    `notifier.config.MAIL_FROM is "${sender}", which global.production rejects`,
  ]),
  [
    { notifier: { config: { OPERATOR_EMAILS: "a@example.com,b@our-shop.eu" } } },
    'notifier.config.OPERATOR_EMAILS is "a@example.com,b@our-shop.eu", which global.production rejects',
  ],
  [
    { identity: { config: { OPERATOR_PASSWORD_MIN_LENGTH: 8 } } },
    "identity.config.OPERATOR_PASSWORD_MIN_LENGTH is 8, which global.production rejects",
  ],
  [
    { identity: { config: { SEED_WEAK_PASSWORDS: true } } },
    "SEED_WEAK_PASSWORDS is true, which global.production rejects",
  ],
  [{ databases: { cluster: { instances: 1 } } }, "has one instance, which global.production rejects"],
])("%j is rejected in production", async ([values, sentence]) => {
  expect(await refusal(onProd(values))).toContain(sentence);
});

test.for([{ secondFactor: "everyone" }, { secondFactor: "off", operatorsByPasswordAlone: true }])(
  "%j is accepted in production",
  async (auth) => {
    expect(await refusal(onProd({ global: { auth } }))).toBeUndefined();
  },
);

// Errors of the schema: the path of the value, and the violated constraint.
test.for<[object, RegExp]>([
  [{ order: { replicas: "many" } }, /order.*replicas.*(integer|string)/i],
  [{ order: { probes: { timeoutSeconds: 0 } } }, /timeoutSeconds.*(minimum|greater|>=)/i],
  [{ order: { colour: "red" } }, /colour/],
  [{ worker: { mode: "magic" } }, /mode.*(one of|must be)/i],
  [{ global: { image: { pullPolicy: "Sometimes" } } }, /pullPolicy.*(one of|must be)/i],
  [{ global: { auth: { secondFactor: "maybe" } } }, /secondFactor.*(one of|must be)/i],
  [{ global: { networkPolicy: { dns: [] } } }, /dns.*(minItems|items|at least)/i],
])("%j is rejected by the schema, which names the value", async ([values, words]) => {
  expect(await refusal({ ...ci, values })).toMatch(words);
});

test.for(["a".repeat(39), "2shop", "my.shop"])(
  "the release's name %s, with which no Service can begin, is rejected",
  async (release) => {
    expect(await refusal({ ...ci, release })).toContain(`The release's name is "${release}"`);
  },
);

test.for<object>([
  onIngress({ tls: [{ hosts: ["shop.example"], secretName: "a" }] }),
  {
    gateway: {
      ...onIngress({}).gateway,
      ingress: { enabled: true, hosts: ["eu.shop.example"], tls: [{ hosts: ["*.shop.example"], secretName: "a" }] },
    },
  },
  onIngress({ annotations: { "alb.ingress.kubernetes.io/certificate-arn": "arn" } }),
  onIngress({ annotations: { "networking.gke.io/managed-certificates": "shop" } }),
  {
    gateway: {
      httpRoute: { enabled: true, parentRefs: [{ name: "public", sectionName: "https" }] },
      config: { TRUSTED_PROXIES: "10.0.0.0/8" },
    },
  },
  { global: { otel: { endpoint: "https://otel-collector.monitoring.svc:4318" } } },
])("%j is accepted in production", async (values) => {
  expect(await refusal(onProd(values))).toBeUndefined();
});

test("no profile of ours is rejected", async () => {
  expect(await Promise.all(variants.map(refusal))).toEqual(variants.map(() => undefined));
});

test.for(deployedNames)(
  "another port or name of %s, which the other parts would not find, is rejected",
  async (name) => {
    for (const [key, value] of [
      ["port", 9999],
      ["fullnameOverride", "another"],
      ["nameOverride", "another"],
    ] as const) {
      expect(await refusal({ ...ci, values: { [name]: { [key]: value } } })).toContain(`${name}.${key} is `);
    }
  },
);
