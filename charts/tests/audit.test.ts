import { expect, test } from "vitest";
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
