import { parse } from "yaml";
import { deployedNames } from "../shop.ts";
import { cell, read } from "./source.ts";

/** A schema of JSON Schema, with the keywords that the charts' schemas use. */
export type Schema = {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly deprecated?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxLength?: number;
  readonly examples?: readonly unknown[];
};

/** A value of the charts, by its path: `order.database.poolSize` is `database.poolSize` of each service. */
export type Value = { readonly path: string; readonly schema: Schema; readonly default: unknown };

/** The values of the charts: of all parts, of each service, and of the umbrella chart besides. */
export type ValuesReference = {
  readonly global: readonly Value[];
  readonly service: readonly Value[];
  readonly shop: readonly Value[];
  /** The defaults that differ for a service in the umbrella chart, by its name. */
  readonly differences: Readonly<Record<string, readonly Pick<Value, "path" | "default">[]>>;
};

/** Reads the schemas and the defaults of both charts. */
export function valuesReference(): ValuesReference {
  const service: Schema = JSON.parse(read("charts/service/values.schema.json"));
  const shop: Schema = JSON.parse(read("charts/sagacart/values.schema.json"));
  const ofService: unknown = parse(read("charts/service/values.yaml"));
  const ofShop: unknown = parse(read("charts/sagacart/values.yaml"));
  const all = valuesOf(service, ofService, "");
  return {
    // The umbrella's defaults count, because the subcharts get them.
    global: valuesOf(service.properties?.global ?? {}, at(ofShop, "global"), "global"),
    service: all.filter(({ path }) => !path.startsWith("global.")),
    shop: valuesOf(shop, ofShop, "").filter(({ path }) => path !== "global"),
    differences: Object.fromEntries(deployedNames.map((name) => [name, leavesOf(at(ofShop, name))])),
  };
}

/** Returns the values without fields of their own that the charts describe. */
function valuesOf(schema: Schema, defaults: unknown, path: string): Value[] {
  if (schema.deprecated === true) return [];
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, inside]) =>
    valuesOf(inside, at(defaults, name), path === "" ? name : `${path}.${name}`),
  );
  if (below.length > 0) return below;
  const each = schema.additionalProperties;
  // A map whose fields are described: one entry stands for all.
  if (typeof each === "object" && each.properties !== undefined) return valuesOf(each, undefined, `${path}.<name>`);
  return [{ path, schema, default: defaults }];
}

function leavesOf(values: unknown, path = ""): Pick<Value, "path" | "default">[] {
  if (typeof values !== "object" || values === null || Array.isArray(values)) return [{ path, default: values }];
  return Object.entries(values).flatMap(([name, inside]) => leavesOf(inside, path === "" ? name : `${path}.${name}`));
}

function at(values: unknown, name: string): unknown {
  return typeof values === "object" && values !== null ? new Map(Object.entries(values)).get(name) : undefined;
}

/** Returns docs/values.md: every value of both charts, from their schemas and defaults. */
export function valuesPage(): string {
  const { global, service, shop, differences } = valuesReference();
  return `${[
    "# Values of the charts",
    "",
    "All values of [charts/sagacart](../charts/sagacart/README.md) and of [charts/service](../charts/service/README.md), which",
    "it includes once for each service. The charts reject unknown values, and combinations that would not run. Values never",
    "contain secrets. The variables that `config` can have are in [configuration.md](configuration.md).",
    "",
    "Generated from the charts' schemas and defaults by `npm run docs`.",
    "",
    "## Of all parts",
    "",
    ...table(global),
    "## Of each service",
    "",
    `Below the service's name: ${deployedNames.map((name) => `\`${name}\``).join(", ")}. Where \`charts/service\` is installed`,
    "alone, at the top.",
    "",
    ...table(service),
    "### Defaults that differ in charts/sagacart",
    "",
    "| value | default |",
    "| --- | --- |",
    ...Object.entries(differences).flatMap(([name, values]) =>
      values.map((value) => `| \`${name}.${value.path}\` | ${defaultText(value.default)} |`),
    ),
    "",
    "## Of the shop",
    "",
    ...table(shop),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function table(values: readonly Value[]): string[] {
  const rows = values.map(
    ({ path, schema, default: given }) =>
      `| \`${path}\` | ${cell(typeText(schema))} | ${defaultText(given)} | ${cell(`${schema.description ?? ""}${exampleText(schema)}`)} |`,
  );
  return ["| value | type | default | |", "| --- | --- | --- | --- |", ...rows, ""];
}

function typeText(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${JSON.stringify(one)}\``).join(", ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(" or ");
  const { minimum, maximum } = schema;
  if (schema.type === "integer" && minimum !== undefined) {
    return maximum === undefined ? `${minimum} or more` : `${minimum} to ${maximum}`;
  }
  const words: Readonly<Record<string, string>> = {
    boolean: "`true` or `false`",
    string: "text",
    integer: "whole number",
    array: "list",
    object: "map",
  };
  return [schema.type ?? "any"]
    .flat()
    .map((type) => words[type] ?? type)
    .join(" or ");
}

function defaultText(given: unknown): string {
  return given === undefined ? "" : `\`${cell(JSON.stringify(given))}\``;
}

function exampleText({ examples }: Schema): string {
  return examples === undefined ? "" : ` For example \`${JSON.stringify(examples[0])}\`.`;
}
