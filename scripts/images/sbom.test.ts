import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const sbomOf = (workspace: string): string =>
  execFileSync(process.execPath, ["scripts/images/sbom.ts", workspace], { encoding: "utf8" });

test("an SBOM contains transitive dependencies, but no test dependencies", () => {
  const { components }: { components: { name: string; hashes?: unknown }[] } = JSON.parse(sbomOf("services/order"));
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["pg", "@grpc/grpc-js", "@js-sdsl/ordered-map", "@sagacart/chassis"]));
  expect(names).not.toContain("vitest");
  expect(components.filter(({ name, hashes }) => hashes === undefined && !name.startsWith("@sagacart/"))).toEqual([]);
});

test("the same lock file gives the same SBOM", () => {
  expect(sbomOf("workflows")).toBe(sbomOf("workflows"));
});
