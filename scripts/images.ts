import "./help.ts";
import { parseArgs } from "node:util";
import { findBuilder } from "./images/builders.ts";
import { type Image, images } from "./images/images.ts";
import { labelArguments } from "./images/labels.ts";
import { writeBom } from "./images/write-bom.ts";

// npm run images -- [--tag 0.1.0] [--builder docker|buildah|…] [--registry ghcr.io/you] [--push] [name…]
//
// Builds the shop's images with the first builder that works, writes the SBOM of each to dist/images, and prints their
// sizes. The same sources and SOURCE_DATE_EPOCH give images with the same files.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tag: { type: "string" },
    builder: { type: "string" },
    registry: { type: "string", default: "" },
    push: { type: "boolean", default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);

const unknown = positionals.filter((name) => !images.some((image) => image.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no image ${unknown.join(", ")}. Choose from: ${images.map(({ name }) => name).join(", ")}.\n`,
  );
  process.exit(1);
}
const wanted = positionals.length === 0 ? images : images.filter(({ name }) => positionals.includes(name));
const builder = await findBuilder(values.builder);
const { version, buildArguments } = await labelArguments(values.tag);
say(`Building ${wanted.length} images with ${builder.name}.`);
const startedAt = Date.now();
const rows: (readonly [string, string, string])[] = [];
for (const image of wanted) {
  rows.push(await build(image));
}
printTable([["image", "size", "time"], ...rows]);
say(
  `${wanted.length} images in ${((Date.now() - startedAt) / 1000).toFixed(0)} s; SBOMs: dist/images/<image>.cdx.json`,
);

async function build(image: Image): Promise<readonly [string, string, string]> {
  const begin = Date.now();
  const registry = values.registry === "" ? "" : `${values.registry.replace(/\/$/, "")}/`;
  const name = `${registry}sagacart/${image.name}:${version}`;
  const args = [...image.buildArguments, ...buildArguments];
  await builder.build({ name, dockerfile: image.dockerfile, args });
  if (values.push) {
    await builder.push(name);
  }
  await writeBom(image);
  return [
    name,
    `${(await builder.sizeMegabytes(name)).toFixed(0)} MB`,
    `${((Date.now() - begin) / 1000).toFixed(0)} s`,
  ];
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    say(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    );
  }
}
