import { expect, test } from "vitest";
import { edgesOfPolicies } from "./edges.ts";
import { podsOf, render, variants } from "./render.ts";

const secure = variants.filter(({ name }) => name.startsWith("prod") || name === "ci with TLS");

test.for(secure)("the audit of $name connects to each database by TLS, and verifies it", async (variant) => {
  const pods = podsOf(await render(variant)).filter(({ from }) => /audit/.test(from));
  expect(pods.map(({ from }) => from)).toContain("CronJob sagacart-audit");
  for (const { from, spec } of pods) {
    const [{ env, volumeMounts }] = spec.containers;
    const urls = env.filter(({ name }: { name: string }) => /^AUDIT_.*_URL$/.test(name));
    expect(urls.length, from).toBe(5);
    const mounted = volumeMounts.find(({ name }: { name: string }) => name === "database-cas").mountPath;
    const volume = spec.volumes.find(({ name }: { name: string }) => name === "database-cas");
    const files = volume.projected.sources.map(({ secret }: { secret: { items: { path: string }[] } }) =>
      secret.items.map(({ path }) => `${mounted}/${path}`),
    );
    for (const { value } of urls) {
      const { searchParams } = new URL(value.replace("$(AUDIT_PASSWORD)", "x"));
      expect(searchParams.get("sslmode"), from).toBe("verify-full");
      expect(files.flat(), from).toContain(searchParams.get("sslrootcert"));
    }
  }
});

test("in production, the audit refuses databases whose URL does not verify them", async () => {
  const prod = variants.find(({ name }) => name === "prod")!;
  const [pod] = podsOf(await render(prod)).filter(({ from }) => from === "CronJob sagacart-audit");
  expect(pod?.spec.containers[0].env).toContainEqual({ name: "AUDIT_REQUIRE_TLS", value: "true" });
});

const ofAudit = (edges: Iterable<string>) => [...edges].filter((edge) => edge.startsWith("audit → ")).toSorted();

test("the audit records its verdicts with a token of its own: its pods reach order and the issuer, and nothing else", async () => {
  const objects = await render({ files: ["k8s/profiles/ci.yaml"], values: { audit: { every: "10m" } } });
  for (const side of ["Egress", "Ingress"] as const) {
    expect(ofAudit(edgesOfPolicies(objects, side)), side).toEqual(["audit → identity:8096", "audit → order:8081"]);
  }
  const pods = podsOf(objects).filter(({ from }) => /audit/.test(from));
  expect(pods.map(({ from }) => from).toSorted()).toEqual([
    "CronJob sagacart-audit",
    "Deployment sagacart-audit-watch",
    "Pod sagacart-test-audit",
  ]);
  for (const { from, spec } of pods) {
    const [{ env }] = spec.containers;
    expect(env, from).toContainEqual({ name: "ORDER_ADDRESS", value: "dns:///sagacart-order:8081" });
    expect(env, from).toContainEqual({ name: "SERVICE_CLIENT_ID", value: "audit" });
    expect(env, from).toContainEqual({ name: "AUTH_TOKEN_URL", value: expect.stringMatching(/:8096\/oidc\/token$/) });
    // Only its client secret, and not the password of the databases, which is in the same Secret.
    const [volume] = spec.volumes.filter(({ name }: { name: string }) => name === "client-secret");
    expect(volume.secret.items, from).toEqual([{ key: "SERVICE_CLIENT_SECRET", path: "SERVICE_CLIENT_SECRET" }]);
  }
});

test("the audit's pods start before its client secret is there, so that a plain upgrade does not end the audits", async () => {
  const objects = await render({ files: ["k8s/profiles/ci.yaml"], values: { audit: { every: "10m" } } });
  for (const { from, spec } of podsOf(objects).filter((pod) => /audit/.test(pod.from))) {
    const [{ env }] = spec.containers;
    const [volume] = spec.volumes.filter(({ name }: { name: string }) => name === "client-secret");
    expect(volume.secret.optional, from).toBe(true);
    // As an environment variable it would keep the pod from starting.
    expect(env, from).toContainEqual({
      name: "SERVICE_CLIENT_SECRET_FILE",
      value: "/etc/sagacart/secrets/SERVICE_CLIENT_SECRET",
    });
  }
});

test("an audit that records nothing calls no service, and has no token", async () => {
  const objects = await render({ files: ["k8s/profiles/ci.yaml"], values: { audit: { record: false } } });
  expect(ofAudit(edgesOfPolicies(objects, "Egress"))).toEqual([]);
  const [pod] = podsOf(objects).filter(({ from }) => from === "CronJob sagacart-audit");
  expect(JSON.stringify(pod?.spec)).not.toMatch(/SERVICE_CLIENT|ORDER_ADDRESS|client-secret/);
});

test("the console of a cluster says which CronJob to run", async () => {
  const objects = await render({ files: ["k8s/profiles/ci.yaml"] });
  const value = objects.find(({ kind, data }) => kind === "ConfigMap" && data?.AUDIT_CRON_JOB)?.data.AUDIT_CRON_JOB;
  expect(value).toMatch(/^[a-z0-9-]+\/sagacart-audit$/);
  expect(objects.some(({ kind, metadata }) => kind === "CronJob" && metadata.name === value.split("/")[1])).toBe(true);
});
