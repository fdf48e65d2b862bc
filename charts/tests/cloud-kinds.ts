/** A kind that a cloud's controller brings, with the schema of its spec. */
export type CloudKind = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly spec: object;
};

const object = (properties: object, required: readonly string[] = []) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const text = { type: "string" };
const whole = (minimum: number, maximum: number) => ({ type: "integer", minimum, maximum });
const duration = { type: "string", pattern: "^[0-9]+(ms|s|m|h)$" };
const target = object({ group: text, kind: text, name: text, namespace: text }, ["group", "kind", "name"]);

const gkeCheck = object({
  host: text,
  port: whole(1, 65_535),
  portName: text,
  portSpecification: { enum: ["USE_FIXED_PORT", "USE_NAMED_PORT", "USE_SERVING_PORT"] },
  proxyHeader: { enum: ["NONE", "PROXY_V1"] },
  requestPath: { type: "string", pattern: "^/" },
  response: text,
});

/**
 * The kinds that the chart makes for load balancers, of which no Go module has the definition: GKE's as in
 * GoogleCloudPlatform/gke-gateway-api (config/crd), Azure's as in the reference of Application Gateway for Containers. Only
 * the fields that the chart could use.
 */
export const cloudKinds: readonly CloudKind[] = [
  {
    group: "networking.gke.io",
    version: "v1",
    kind: "HealthCheckPolicy",
    spec: object(
      {
        targetRef: target,
        default: object({
          checkIntervalSec: whole(1, 300),
          timeoutSec: whole(1, 300),
          healthyThreshold: whole(1, 10),
          unhealthyThreshold: whole(1, 10),
          logConfig: object({ enabled: { type: "boolean" } }),
          config: {
            ...object({
              type: { enum: ["HTTP", "HTTPS"] },
              httpHealthCheck: gkeCheck,
              httpsHealthCheck: gkeCheck,
            }),
            minProperties: 2,
            maxProperties: 2,
          },
        }),
      },
      ["targetRef"],
    ),
  },
  {
    group: "networking.gke.io",
    version: "v1",
    kind: "GCPBackendPolicy",
    spec: object(
      {
        targetRef: target,
        default: object({
          timeoutSec: whole(1, 2_147_483_647),
          connectionDraining: object({ drainingTimeoutSec: whole(0, 3_600) }),
          securityPolicy: text,
        }),
      },
      ["targetRef"],
    ),
  },
  {
    group: "alb.networking.azure.io",
    version: "v1",
    kind: "HealthCheckPolicy",
    spec: object(
      {
        targetRef: target,
        default: object({
          interval: duration,
          timeout: duration,
          healthyThreshold: whole(1, 100),
          unhealthyThreshold: whole(1, 100),
          port: whole(1, 65_535),
          protocol: { enum: ["HTTP", "HTTPS", "GRPC"] },
          http: object({
            host: text,
            path: text,
            match: object({
              statusCodes: { type: "array", items: object({ start: whole(100, 599), end: whole(100, 599) }) },
            }),
          }),
          useTLS: { type: "boolean" },
        }),
      },
      ["targetRef"],
    ),
  },
  {
    group: "alb.networking.azure.io",
    version: "v1",
    kind: "RoutePolicy",
    spec: object({ targetRef: target, default: object({ timeouts: object({ routeTimeout: duration }) }) }, [
      "targetRef",
    ]),
  },
];
