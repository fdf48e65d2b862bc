import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

const read = (line: string) => {
  const options = readOptions(line.split(" "));
  if (options === "help") throw new Error("asked for help");
  return options;
};

test("a developer's machine gets no more than it needs", () => {
  expect(read("--profile dev").steps).toEqual(["cloudnative-pg", "temporal", "secrets", "shop"]);
});

test("a step can be had without being in the profile", () => {
  expect(read("--profile dev --only cert-manager,shop").steps).toEqual(["cert-manager", "shop"]);
});

test("steps run in the order in which they need each other, however they are named", () => {
  expect(read("--only shop,cloudnative-pg").steps).toEqual(["cloudnative-pg", "shop"]);
});

test("a second shop has a namespace of its own in Temporal", () => {
  expect(read("--namespace other").temporalNamespace).toBe("other");
});

test.each([
  ["--profile production", "--profile is production, but can be dev, ci, prod."],
  ["--skip shop,tests", /^--skip is tests, but can be cert-manager, /],
  ["--nmaespace x", /Unknown option '--nmaespace'/],
])("%s is refused with what would be right", (line, message) => {
  expect(() => read(line)).toThrow(message);
});
