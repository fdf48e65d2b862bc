import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

const read = (line: string) => {
  const options = readOptions(line.split(" "));
  if (options === "help") throw new Error("asked for help");
  return options;
};

test("the profile dev installs only what a developer's machine needs", () => {
  expect(read("--profile dev").steps).toEqual(["cloudnative-pg", "temporal", "secrets", "shop"]);
});

test("--only can name a step that the profile does not have", () => {
  expect(read("--profile dev --only cert-manager,shop").steps).toEqual(["cert-manager", "shop"]);
});

test("steps run in the order of their dependencies, regardless of the order on the command line", () => {
  expect(read("--only shop,cloudnative-pg").steps).toEqual(["cloudnative-pg", "shop"]);
});

test("a second shop has its own namespace in Temporal", () => {
  expect(read("--namespace other").temporalNamespace).toBe("other");
});

test.each([
  ["--profile production", "--profile production: must be one of dev, ci, prod."],
  ["--skip shop,tests", /^--skip tests: must be one of cert-manager, /],
  ["--nmaespace x", /Unknown option '--nmaespace'/],
])("%s is refused with the valid choices or the unknown option", (line, message) => {
  expect(() => read(line)).toThrow(message);
});
