import { expect, test } from "vitest";
import { type Manifest, merged, named, ofKind, refusal, render, variants } from "./render.ts";

const ci = { files: ["k8s/profiles/ci.yaml"] };
const route = { enabled: true, parentRefs: [{ name: "public" }], hostnames: ["shop.example"] };
const ways = { ingress: { enabled: true, hosts: ["shop.example"] }, httpRoute: route };
const variant = (name: string) => variants.find((one) => one.name === name)!;
const gatewayWith = (values: object) => ({ ...ci, values: { gateway: merged(ways, values) } });
const config = (objects: readonly Manifest[]) => named(objects, "ConfigMap", "sagacart-gateway").data;

/** How long each keeps an idle connection to a pod, and may send to a pod that ends, in seconds. */
const kinds = [
  ["none", 60, 5],
  ["alb", 60, 30],
  ["gke", 600, 60],
  ["agc", 300, 30],
  ["istio", 300, 5],
  ["nginx", 60, 5],
] as const;

test.for(kinds)(
  "behind %s the gateway keeps idle connections longer than %i s, serves for %i s after SIGTERM, and is not killed before",
  async ([kind, idle, delay]) => {
    const objects = await render(gatewayWith({ loadBalancer: { kind } }));
    const { IDLE_TIMEOUT_MS, SHUTDOWN_DELAY_MS, DRAIN_TIMEOUT_MS } = config(objects);
    const { terminationGracePeriodSeconds } = named(objects, "Deployment", "sagacart-gateway").spec.template.spec;

    expect(Number(IDLE_TIMEOUT_MS)).toBe((idle + 15) * 1_000);
    expect(Number(SHUTDOWN_DELAY_MS)).toBe(delay * 1_000);
    expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(Number(SHUTDOWN_DELAY_MS) + Number(DRAIN_TIMEOUT_MS));
  },
);

test("the times can be set: those of the load balancer and of the pods fit each other", async () => {
  const loadBalancer = { kind: "alb", idleTimeoutSeconds: 4000, deregistrationSeconds: 120 };
  const objects = await render(gatewayWith({ loadBalancer, drain: { delayMs: 7_000 } }));

  expect(config(objects)).toMatchObject({ IDLE_TIMEOUT_MS: "4015000", SHUTDOWN_DELAY_MS: "120000" });
  expect(named(objects, "Ingress", "sagacart-gateway").metadata.annotations).toMatchObject({
    "alb.ingress.kubernetes.io/load-balancer-attributes": "idle_timeout.timeout_seconds=4000",
    "alb.ingress.kubernetes.io/target-group-attributes": "deregistration_delay.timeout_seconds=120",
  });
  const longer = await render(gatewayWith({ loadBalancer: { kind: "alb" }, drain: { delayMs: 90_000 } }));
  expect(config(longer).SHUTDOWN_DELAY_MS).toBe("90000");
});

test.each([
  [false, "HTTP"],
  [true, "HTTPS"],
])(
  "the ALB checks /ready; an own annotation takes precedence (the gateway serves TLS: %s)",
  async (serve, protocol) => {
    const own = { "alb.ingress.kubernetes.io/healthcheck-interval-seconds": "30", "example.com/own": "a" };
    const values = {
      global: { tls: { enabled: true } },
      gateway: merged(ways, { loadBalancer: { kind: "alb" }, ingress: { annotations: own }, tls: { serve } }),
    };

    expect(named(await render({ ...ci, values }), "Ingress", "sagacart-gateway").metadata.annotations).toMatchObject({
      ...own,
      "alb.ingress.kubernetes.io/healthcheck-path": "/ready",
      "alb.ingress.kubernetes.io/healthcheck-protocol": protocol,
      "alb.ingress.kubernetes.io/backend-protocol": protocol,
    });
  },
);

test("behind nginx event streams live, and its own timeouts can be given", async () => {
  const annotations = { "nginx.ingress.kubernetes.io/proxy-read-timeout": "60" };
  const values = { loadBalancer: { kind: "nginx", streamSeconds: 7200 }, ingress: { annotations } };

  expect(named(await render(gatewayWith(values)), "Ingress", "sagacart-gateway").metadata.annotations).toMatchObject({
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "60",
    "nginx.ingress.kubernetes.io/proxy-send-timeout": "7200",
    "nginx.ingress.kubernetes.io/proxy-buffering": "off",
  });
});

test("without a kind the Ingress has only its own annotations", async () => {
  expect(named(await render(gatewayWith({})), "Ingress", "sagacart-gateway").metadata).not.toHaveProperty(
    "annotations",
  );
});

test("on GKE the health check is /ready at the gateway's port, and answers may take as long as a stream", async () => {
  const objects = await render(gatewayWith({ loadBalancer: { kind: "gke", streamSeconds: 7200 } }));
  const target = { group: "", kind: "Service", name: "sagacart-gateway" };

  expect(named(objects, "HealthCheckPolicy", "sagacart-gateway").spec).toMatchObject({
    targetRef: target,
    default: { config: { type: "HTTP", httpHealthCheck: { port: 8080, requestPath: "/ready" } } },
  });
  expect(named(objects, "GCPBackendPolicy", "sagacart-gateway").spec).toEqual({
    targetRef: target,
    default: { timeoutSec: 7200, connectionDraining: { drainingTimeoutSec: 60 } },
  });
});

test.for(["prod-eks", "prod-gke", "prod-aks", "prod-ingress"])(
  "%s has the settings of its load balancer",
  async (name) => {
    const objects = await render(variant(name));
    const { IDLE_TIMEOUT_MS, SHUTDOWN_DELAY_MS } = config(objects);
    const expected = {
      "prod-eks": ["315000", "30000", []],
      "prod-gke": ["615000", "60000", ["GCPBackendPolicy", "HealthCheckPolicy"]],
      "prod-aks": ["315000", "5000", ["DestinationRule"]],
      "prod-ingress": ["105000", "5000", []],
    }[name];
    const policies = objects
      .map(({ kind }) => kind)
      .filter((kind) => ["HealthCheckPolicy", "GCPBackendPolicy", "RoutePolicy", "DestinationRule"].includes(kind));

    expect([IDLE_TIMEOUT_MS, SHUTDOWN_DELAY_MS, policies.toSorted()]).toEqual(expected);
  },
);

test.each([
  [false, "kubernetes.io/h2c"],
  [true, "https"],
])("the GRPCRoute goes to a port that says HTTP/2, which the pods serve (TLS: %s)", async (serve, appProtocol) => {
  const grpcRoute = { ...route, hostnames: ["grpc.shop.example"] };
  const values = { global: { tls: { enabled: serve } }, gateway: merged(ways, { grpcRoute, tls: { serve } }) };
  const objects = await render({ ...ci, values });
  const [{ backendRefs }] = named(objects, "GRPCRoute", "sagacart-gateway").spec.rules;
  const { ports } = named(objects, "Service", "sagacart-gateway").spec;
  const [container] = named(objects, "Deployment", "sagacart-gateway").spec.template.spec.containers;

  expect(backendRefs).toEqual([{ name: "sagacart-gateway", port: 8090 }]);
  expect(ports.find(({ port }: Manifest) => port === 8090)).toMatchObject({ targetPort: "http", appProtocol });
  expect(container.ports).toContainEqual({ name: "http", containerPort: 8080 });
  expect(ofKind(await render(gatewayWith({})), "GRPCRoute")).toEqual([]);
});

test.for<[object, string]>([
  [{ loadBalancer: { kind: "alb" } }, "gateway.loadBalancer.kind is alb, which needs gateway.ingress.enabled"],
  [{ loadBalancer: { kind: "nginx" } }, "gateway.loadBalancer.kind is nginx, which needs gateway.ingress.enabled"],
  [{ loadBalancer: { kind: "gke" } }, "gateway.loadBalancer.kind is gke, which needs gateway.httpRoute.enabled"],
  [{ loadBalancer: { kind: "agc" } }, "gateway.loadBalancer.kind is agc, which needs gateway.httpRoute.enabled"],
  [
    { httpRoute: route, loadBalancer: { kind: "gke", idleTimeoutSeconds: 75 } },
    "gateway.loadBalancer.idleTimeoutSeconds is 75: Google's load balancers keep connections for 600 seconds",
  ],
  [{ grpcRoute: { enabled: true } }, "gateway.grpcRoute needs parentRefs and hostnames"],
  [
    { httpRoute: route, grpcRoute: route },
    "gateway.grpcRoute.hostnames has shop.example, which the HTTPRoute has, too",
  ],
])("%j is rejected with an explanation", async ([gateway, sentence]) => {
  expect(await refusal({ ...ci, values: { gateway } })).toContain(sentence);
});
