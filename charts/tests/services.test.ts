import { expect, test } from "vitest";
import { adminPortOf, deployedNames, partOf, serviceNames } from "../../scripts/shop.ts";
import { type Manifest, merged, named, ofKind, podsOf, render, renderText, variants } from "./render.ts";

const ci = { files: ["k8s/profiles/ci.yaml"] };
const many = (name: string) => ({
  ...ci,
  values: { [name]: { autoscaling: { enabled: true, minReplicas: 2, maxReplicas: 3 } } },
});
const container = (objects: readonly Manifest[], name: string) =>
  named(objects, "Deployment", `sagacart-${name}`).spec.template.spec.containers[0];

test.for(serviceNames)("%s has a headless Service, so that its callers resolve each pod", async (name) => {
  const { spec } = named(await render(ci), "Service", `sagacart-${name}`);

  expect(spec.clusterIP).toBe("None");
  expect(spec.ports.map(({ port }: Manifest) => port)).not.toContain(adminPortOf(name));
});

test.for(deployedNames)("%s can have an autoscaler, which then sets the number of pods", async (name) => {
  const objects = await render(many(name));

  expect(named(objects, "HorizontalPodAutoscaler", `sagacart-${name}`).spec).toMatchObject({
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: `sagacart-${name}` },
    minReplicas: 2,
    maxReplicas: 3,
  });
  expect(named(objects, "Deployment", `sagacart-${name}`).spec).not.toHaveProperty("replicas");
});

test.for(deployedNames)(
  "%s has a disruption budget with two pods, and none with one, which would block a drain",
  async (name) => {
    const budgets = async (replicas: number) =>
      ofKind(await render({ ...ci, values: { [name]: { replicas } } }), "PodDisruptionBudget").map(
        ({ metadata }) => metadata.name,
      );

    expect(await budgets(2)).toContain(`sagacart-${name}`);
    expect(await budgets(1)).not.toContain(`sagacart-${name}`);
  },
);

test.for(deployedNames)("%s has separate startup, readiness and liveness probes", async (name) => {
  const { startupProbe, readinessProbe, livenessProbe } = container(await render(ci), name);

  for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
    expect(Object.keys(probe)).toContain(partOf(name).kind === "http" ? "httpGet" : "grpc");
  }
  expect(livenessProbe).not.toMatchObject({ grpc: readinessProbe.grpc ?? {}, httpGet: readinessProbe.httpGet ?? {} });
});

test.for(deployedNames)("%s has time to drain before it is killed", async (name) => {
  const objects = await render(ci);
  const { terminationGracePeriodSeconds } = named(objects, "Deployment", `sagacart-${name}`).spec.template.spec;
  const { SHUTDOWN_DELAY_MS, DRAIN_TIMEOUT_MS } = named(objects, "ConfigMap", `sagacart-${name}`).data;

  expect(Number(SHUTDOWN_DELAY_MS)).toBeGreaterThan(0);
  expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(Number(SHUTDOWN_DELAY_MS) + Number(DRAIN_TIMEOUT_MS));
});

test.for(deployedNames)("an update of %s never has fewer pods than before", async (name) => {
  const { strategy } = named(await render(ci), "Deployment", `sagacart-${name}`).spec;

  expect(strategy.rollingUpdate).toMatchObject({ maxUnavailable: 0 });
});

test.for(serviceNames)("%s migrates its database before it takes traffic, with its own image", async (name) => {
  const { spec } = named(await render(ci), "Deployment", `sagacart-${name}`).spec.template;

  expect(spec.initContainers[0]).toMatchObject({
    image: spec.containers[0].image,
    args: ["services/chassis/src/postgres/migrate-main.ts", `services/${name}/migrations`],
  });
});

test.for(deployedNames)(
  "a changed variable of %s restarts its pods, and one of another service does not",
  async (name) => {
    const checksum = async (changed?: string) => {
      const values = changed === undefined ? {} : { [changed]: { config: { LOG_LEVEL: "debug" } } };
      const objects = await render({ ...ci, values });
      return named(objects, "Deployment", `sagacart-${name}`).spec.template.metadata.annotations["checksum/config"];
    };
    const other = name === "order" ? "stock" : "order";

    expect(await checksum(name)).not.toBe(await checksum());
    expect(await checksum(other)).toBe(await checksum());
  },
);

test("all images have the same tag, by default the chart's appVersion", async () => {
  const imagesWith = async (values: object) =>
    podsOf(await render({ ...ci, values })).flatMap(({ spec }) =>
      [...(spec.initContainers ?? []), ...spec.containers].map(({ image }) => image),
    );
  const tags = (images: string[]) => new Set(images.map((image) => image.split(":").at(-1)));

  expect(tags(await imagesWith({}))).toEqual(new Set(["0.1.0"]));
  const told = await imagesWith({ global: { image: { tag: "1.2.3", registry: "registry.example/shop" } } });
  expect(tags(told)).toEqual(new Set(["1.2.3"]));
  expect(told.filter((image) => !image.startsWith("registry.example/shop/sagacart/"))).toEqual([]);
});

test.for(variants)("no manifest of $name contains a secret", async (variant) => {
  const objects = await render(variant);
  const secretNames = /(SECRET|SECRETS|PASSWORD|API_KEY|SEED_USERS|DATABASE_URL)$/;

  // The installer or an operator creates Secrets; see k8s/.
  expect(ofKind(objects, "Secret")).toEqual([]);
  const plain = [
    ...ofKind(objects, "ConfigMap").flatMap(({ data = {} }) => Object.keys(data)),
    ...podsOf(objects).flatMap(({ spec }) =>
      [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ env = [] }) =>
        env.filter(({ value }: Manifest) => value !== undefined).map(({ name }: Manifest) => name),
      ),
    ),
  ];
  expect(plain.filter((name) => secretNames.test(name))).toEqual([]);
  expect((await renderText(variant)).match(/:\/\/[^/\s:@]+:(?!\$\()[^/\s@]+@.*/g)).toBeNull();
});

test("with TLS each service has a certificate, and its probes use the admin port", async () => {
  const objects = await render({ ...ci, values: { global: { tls: { enabled: true } } } });

  for (const name of serviceNames) {
    expect(named(objects, "Certificate", `sagacart-${name}`).spec.dnsNames).toContain(`sagacart-${name}`);
    expect(container(objects, name).readinessProbe.httpGet).toEqual({ path: "/ready", port: "admin", scheme: "HTTPS" });
    expect(named(objects, "ConfigMap", `sagacart-${name}`).data).toMatchObject({
      TLS_CERT_FILE: "/etc/sagacart/tls/tls.crt",
      TLS_KEY_FILE: "/etc/sagacart/tls/tls.key",
    });
  }
});

test("monitors and alerts are rendered only with the Prometheus operator's API", async () => {
  const kinds = async (apis: string[]) => new Set((await render({ ...ci, apis })).map(({ kind }) => kind));

  expect(await kinds(["monitoring.coreos.com/v1/ServiceMonitor"])).toContain("ServiceMonitor");
  expect(await kinds([])).not.toContain("ServiceMonitor");
  expect(await kinds([])).not.toContain("PrometheusRule");
});

test("no object depends on the name sagacart of the release or on its namespace", async () => {
  const text = await renderText(ci);
  const other = await renderText({ ...ci, release: "corner", namespace: "elsewhere" });

  // The pages' id as an OpenID client is the same in every release.
  const named = other.replaceAll(/client_id\\?":\\?"sagacart-web\b/g, "");
  expect(named.match(/\bsagacart-[a-z-]+(?=\b)/g) ?? []).toEqual([]);
  expect(text).toContain("sagacart-order");
});

test("without global.surfaces.enabled there are no surfaces, and the gateway does not proxy to them", async () => {
  const values = { global: { surfaces: { enabled: false } } };
  const gatewayOf = (objects: readonly Manifest[]) => named(objects, "ConfigMap", "sagacart-gateway").data;

  const [on, off] = await Promise.all([render(ci), render({ ...ci, values })]);

  expect(gatewayOf(on).SURFACES_URL).toBe("http://sagacart-surfaces:8087");
  expect(gatewayOf(off)).not.toHaveProperty("SURFACES_URL");
  expect(off.filter(({ metadata }) => metadata.name === "sagacart-surfaces")).toEqual([]);
});

test("with TLS the gateway reaches the surfaces over https", async () => {
  const objects = await render({ ...ci, values: { global: { tls: { enabled: true } } } });

  expect(named(objects, "ConfigMap", "sagacart-gateway").data.SURFACES_URL).toBe("https://sagacart-surfaces:8087");
  expect(named(objects, "ConfigMap", "sagacart-surfaces").data.SERVE_TLS).toBe("true");
});

test("production requires second factors of support and operators at every service, and its test checkout gives one", async () => {
  const prod = variants.find((variant) => variant.name === "prod")!;
  const withTest = merged(prod.values, { tests: { checkout: { enabled: true } } });
  const asked = (objects: readonly Manifest[]) =>
    ofKind(objects, "ConfigMap").flatMap(({ data = {} }) => ("AUTH_ISSUER" in data ? [data.AUTH_SECOND_FACTOR] : []));
  const keysOf = (objects: readonly Manifest[]) => {
    const { spec } = named(objects, "Pod", "sagacart-test-checkout");
    const [{ secret }] = spec.volumes.filter((volume: Manifest) => volume.name === "secrets");
    return secret.items.map(({ key }: Manifest) => key);
  };

  const [production, trying] = await Promise.all([render({ ...prod, values: withTest }), render(ci)]);

  expect(new Set(asked(production))).toEqual(new Set(["required"]));
  expect(keysOf(production)).toEqual(["OPERATOR_PASSWORD", "OPERATOR_TOTP_SECRET"]);
  expect(new Set(asked(trying))).toEqual(new Set(["off"]));
  expect(keysOf(trying)).toEqual(["OPERATOR_PASSWORD"]);
});

test("metrics and the API's pages are on the public port outside production only", async () => {
  const shown = async (name: string) => {
    const objects = await render(variants.find((variant) => variant.name === name)!);
    const { SHOW_METRICS, SHOW_DOCS } = named(objects, "ConfigMap", "sagacart-gateway").data;
    return [SHOW_METRICS, SHOW_DOCS];
  };
  expect(await shown("prod")).toEqual(["false", "false"]);
  expect(await shown("ci")).toEqual(["true", "true"]);
});

test("in production new passwords are compared with those known from breaches, and only the pages sign users in by default", async () => {
  const identityOf = async (name: string) => {
    const objects = await render(variants.find((variant) => variant.name === name)!);
    const { PASSWORD_BREACH_URL, OIDC_CLIENTS = "[]" } = named(objects, "ConfigMap", "sagacart-identity").data;
    const clients = JSON.parse(OIDC_CLIENTS).map(({ client_id }: { client_id: string }) => client_id);
    const { egress } = named(objects, "NetworkPolicy", "sagacart-identity").spec;
    const internet = egress.filter(({ to }: Manifest) => to?.some(({ ipBlock }: Manifest) => ipBlock !== undefined));
    return { PASSWORD_BREACH_URL, clients, isReachable: JSON.stringify(internet).includes('"port":443') };
  };
  expect(await identityOf("prod")).toEqual({
    PASSWORD_BREACH_URL: "https://api.pwnedpasswords.com/range/",
    clients: ["sagacart-web"],
    isReachable: true,
  });
  expect(await identityOf("ci")).toMatchObject({ PASSWORD_BREACH_URL: undefined, clients: ["sagacart-web", "docs"] });
});
