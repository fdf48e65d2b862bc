import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const list = (workspace: string): string =>
  execFileSync(process.execPath, ["scripts/images/sbom.ts", workspace], { encoding: "utf8" });

test("an image's list names what comes by others, and nothing that only tests need", () => {
  const { components }: { components: { name: string; hashes?: unknown }[] } = JSON.parse(list("services/order"));
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["pg", "@grpc/grpc-js", "@js-sdsl/ordered-map", "@sagacart/chassis"]));
  expect(names).not.toContain("vitest");
  expect(components.filter(({ name, hashes }) => hashes === undefined && !name.startsWith("@sagacart/"))).toEqual([]);
});

test("the same lock file makes the same list", () => {
  expect(list("workflows")).toBe(list("workflows"));
});
