import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { cloneFolder } from "../../scripts/clone.ts";
import { type Manifest, ofKind, render, variants } from "./render.ts";

/** Postgres' own defaults write the parameters of slow statements, and the values of rows that break a rule. */
const withoutValues = { log_parameter_max_length: "0", log_error_verbosity: "terse" };

test.each(variants.map((variant) => [variant.name, variant] as const))(
  "%s: no database writes values of rows or parameters to its log",
  async (_, variant) => {
    const clusters = ofKind(await render(variant), "Cluster");
    for (const { metadata, spec } of clusters) {
      expect(spec.postgresql.parameters, metadata.name).toMatchObject(withoutValues);
      // The default: parameters of statements that fail are not written.
      expect(Object.keys(spec.postgresql.parameters)).not.toContain("log_parameter_max_length_on_error");
    }
  },
);

test.each(["database-dev.yaml", "database-prod.yaml"])("neither does Temporal's, by %s", (file) => {
  const documents = parseAllDocuments(readFileSync(join(cloneFolder, "k8s/temporal", file), "utf8"));
  const [cluster]: Manifest[] = documents
    .map((document) => document.toJS())
    .filter((object: Manifest) => object.kind === "Cluster");
  expect(cluster?.spec.postgresql.parameters).toMatchObject(withoutValues);
});
