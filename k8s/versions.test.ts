import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import versions from "./versions.json" with { type: "json" };

const files = ["temporal", "profiles"].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => `${folder}/${name}`),
);

// YAML files cannot import the versions, so compare the ones that they pin.
test.each(files)("%s has the versions of versions.json", (file) => {
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  const pinned = [...text.matchAll(/(?:image|imageName): ["']?([\w.-]+(?:\/[\w.-]+)+:[\w.-]+)/g)].map(
    ([, image]) => image,
  );
  const known: readonly string[] = Object.values(versions.images);
  expect(pinned.filter((image) => image !== undefined && !known.includes(image))).toEqual([]);
});

test("Temporal's chart uses the server of versions.json", () => {
  const values = readFileSync(new URL("temporal/values.yaml", import.meta.url), "utf8");
  const tags = [...values.matchAll(/image: \{ tag: ([\w.-]+) \}/g)].map(([, tag]) => tag);
  const [server, tools] = [versions.images.temporalServer, versions.images.temporalAdminTools];
  expect(tags).toEqual([server.split(":")[1], tools.split(":")[1]]);
});
