import { describe, expect, test } from "vitest";
import { deployedNames } from "../../scripts/shop.ts";
import { type Manifest, named, ofKind, podsOf, render, variants } from "./render.ts";

const tls = { global: { tls: { enabled: true } }, audit: { every: "10m" } };
const ci = { files: ["k8s/profiles/ci.yaml"], values: tls };
const production = variants.filter(({ name }) => name.startsWith("prod"));

describe.each(["deployment", "controller"])("with TLS, and the worker in mode %s", (mode) => {
  const objectsOf = () => render({ ...ci, values: { ...tls, worker: { mode } } });

  test("metrics are read by HTTPS, by the CA and the name of a certificate that is there", async () => {
    const objects = await objectsOf();
    const endpoints = [...ofKind(objects, "ServiceMonitor"), ...ofKind(objects, "PodMonitor")].flatMap(
      ({ metadata, spec }) =>
        (spec.endpoints ?? spec.podMetricsEndpoints).map((each: Manifest) => ({ of: metadata.name, ...each })),
    );
    const secrets = new Map(ofKind(objects, "Certificate").map(({ spec }) => [spec.secretName, spec] as const));

    expect(endpoints.map(({ of }) => of)).toEqual(
      expect.arrayContaining([
        "sagacart-order",
        "sagacart-gateway",
        "sagacart-worker",
        "sagacart-audit-watch",
        "sagacart-order-db",
      ]),
    );
    for (const { of, scheme, tlsConfig } of endpoints) {
      expect(scheme, of).toBe("https");
      const { name, key } = tlsConfig.ca.secret;
      expect(key).toBe("ca.crt");
      // CloudNativePG makes the certificates of the databases.
      if (of.endsWith("-db")) {
        expect([name, tlsConfig.serverName]).toEqual([`${of}-ca`, `${of}-rw`]);
      } else {
        expect(secrets.get(name)?.dnsNames, of).toContain(tlsConfig.serverName);
        expect(secrets.get(name)?.usages, of).toContain("server auth");
      }
    }
    expect(ofKind(objects, "Cluster").map(({ spec }) => spec.monitoring?.tls?.enabled)).not.toContain(undefined);
  });

  test("probes of HTTP use HTTPS, and each container that serves them has a certificate", async () => {
    for (const { from, spec } of podsOf(await objectsOf())) {
      for (const container of spec.containers) {
        const probes = ["startupProbe", "readinessProbe", "livenessProbe"].flatMap(
          (name) => container[name]?.httpGet ?? [],
        );
        expect(
          probes.filter(({ scheme }: Manifest) => scheme !== "HTTPS"),
          from,
        ).toEqual([]);
        if (probes.length > 0 && !from.endsWith("audit-watch")) {
          const env = envOf(await objectsOf(), container);
          expect(env, from).toMatchObject({ ADMIN_TLS: "true", TLS_CERT_FILE: "/etc/sagacart/tls/tls.crt" });
          const volume = spec.volumes.find(({ name }: Manifest) => name === "tls");
          expect(volume.secret.items, from).toBeUndefined();
        }
      }
    }
  });

  test("no process trusts the CA in addition to the public ones", async () => {
    const objects = await objectsOf();
    const trusting = podsOf(objects).filter(({ spec }) =>
      spec.containers.some((container: Manifest) => "NODE_EXTRA_CA_CERTS" in envOf(objects, container)),
    );
    // The simulated providers, which call the gateway alone.
    expect(trusting.map(({ from }) => from).filter((from) => !/card-provider|carrier/.test(from))).toEqual([]);
  });
});

test("without TLS, metrics and probes are plain", async () => {
  const objects = await render({ files: ["k8s/profiles/ci.yaml"] });

  for (const name of deployedNames) {
    expect(named(objects, "ServiceMonitor", `sagacart-${name}`).spec.endpoints[0]).not.toHaveProperty("scheme");
    expect(named(objects, "ConfigMap", `sagacart-${name}`).data).not.toHaveProperty("ADMIN_TLS");
  }
});

test.for([
  ["https://otel-collector.monitoring.svc:4318", "/etc/sagacart/tls/ca.crt"],
  ["https://otel-collector:4318", "/etc/sagacart/tls/ca.crt"],
  ["https://otlp.vendor.example", undefined],
  ["http://otel-collector.monitoring:4318", undefined],
] as const)("spans for %s are sent by the CA %s", async ([endpoint, ca]) => {
  const objects = await render({ ...ci, values: { ...tls, global: { ...tls.global, otel: { endpoint } } } });
  const worker = podsOf(objects).find(({ from }) => /WorkerDeployment|worker$/.test(from))!;

  expect(named(objects, "ConfigMap", "sagacart-order").data.OTEL_EXPORTER_OTLP_CERTIFICATE).toBe(ca);
  expect(envOf(objects, worker.spec.containers[0]).OTEL_EXPORTER_OTLP_CERTIFICATE).toBe(ca);
});

test.for(production)("in $name the gateway serves TLS, and refuses what came by plain HTTP", async (variant) => {
  const objects = await render(variant);

  expect(named(objects, "ConfigMap", "sagacart-gateway").data).toMatchObject({ SERVE_TLS: "true", HTTPS_ONLY: "true" });
  expect(named(objects, "Service", "sagacart-gateway").spec.ports[0].appProtocol).toBe("https");
});

test.for(production)("in $name the proxy takes HTTPS only, and speaks TLS to the gateway", async (variant) => {
  const objects = await render(variant);
  const [ingress] = ofKind(objects, "Ingress");
  const [route] = ofKind(objects, "HTTPRoute");

  if (ingress !== undefined) {
    const { annotations } = ingress.metadata;
    const hasCertificate =
      ingress.spec.tls !== undefined || annotations["alb.ingress.kubernetes.io/certificate-arn"] !== undefined;
    expect(hasCertificate).toBe(true);
    const onService = named(objects, "Service", "sagacart-gateway").metadata.annotations ?? {};
    expect([
      annotations["alb.ingress.kubernetes.io/backend-protocol"],
      onService["traefik.ingress.kubernetes.io/service.serversscheme"]?.toUpperCase(),
    ]).toContain("HTTPS");
    expect(JSON.stringify(annotations)).not.toMatch(/ssl-redirect":"true|"HTTP\\"/);
  }
  for (const { sectionName } of route?.spec.parentRefs ?? []) {
    expect(sectionName).toEqual(expect.any(String));
  }
});

test("with a route and TLS, the Gateway verifies the certificate that the gateway has", async () => {
  const gateway = { tls: { serve: true }, httpRoute: { enabled: true, parentRefs: [{ name: "public" }] } };
  const objects = await render({ ...ci, values: { ...tls, gateway } });
  const { targetRefs, validation } = named(objects, "BackendTLSPolicy", "sagacart-gateway").spec;
  const certificate = named(objects, "Certificate", "sagacart-gateway").spec;

  expect(targetRefs).toEqual([{ group: "", kind: "Service", name: "sagacart-gateway" }]);
  expect(certificate.dnsNames).toContain(validation.hostname);
  expect(validation.caCertificateRefs).toEqual([{ group: "", kind: "Secret", name: certificate.secretName }]);
  const plain = await render({ ...ci, values: { ...tls, gateway: { ...gateway, tls: { serve: false } } } });
  expect(ofKind(plain, "BackendTLSPolicy")).toEqual([]);
});

test("in production `helm test` looks at the public URL, with the public CAs", async () => {
  const pods = async (variant: Parameters<typeof render>[0]) =>
    podsOf(await render(variant)).filter(({ from }) => from === "Pod sagacart-test-public-url");
  const [pod] = await pods(production[0]!);

  expect(pod?.spec.containers[0].env).toEqual([
    { name: "PUBLIC_URL", value: "https://shop.example" },
    { name: "LEAST_DAYS", value: "14" },
  ]);
  expect(await pods(ci)).toEqual([]);
});

/** Returns the variables of a container, with those of its ConfigMaps. */
function envOf(objects: readonly Manifest[], { env = [], envFrom = [] }: Manifest): Record<string, string> {
  return Object.assign(
    {},
    ...envFrom.map(({ configMapRef }: Manifest) => named(objects, "ConfigMap", configMapRef.name).data),
    ...env.map(({ name, value }: Manifest) => ({ [name]: value })),
  );
}
