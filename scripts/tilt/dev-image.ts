import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { findBuilder } from "../images/builders.ts";

// node scripts/tilt/dev-image.ts REF: tags the dev image as REF. Tilt requests an image for each part; all are the same
// one, built once for the same sources.

const [ref] = process.argv.slice(2);
if (ref === undefined) {
  process.stderr.write("usage: node scripts/tilt/dev-image.ts REF\n");
  process.exit(1);
}
const builder = await findBuilder(process.env.IMAGE_BUILDER ?? "docker");
const image = `sagacart/dev:${hashOfSources()}`;
if (!(await builder.has(image))) await builder.build({ name: image, dockerfile: "k8s/tilt/Dockerfile" });
await builder.tag(image, ref);

function hashOfSources(): string {
  const files = globSync(
    ["package.json", "package-lock.json", ".npmrc", "k8s/tilt/{Dockerfile,dev-entry.sh}"].concat([
      "proto/package.json",
      "proto/gen/**/*",
      "services/**/*",
      "workflows/**/*",
      "scripts/**/*",
    ]),
    { withFileTypes: true, exclude: ({ name }) => name === "node_modules" || name.endsWith(".test.ts") },
  );
  const paths = files.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`);
  const hash = createHash("sha256");
  for (const path of paths.toSorted()) hash.update(path).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex").slice(0, 16);
}
