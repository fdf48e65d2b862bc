import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { goModule } from "../../scripts/go-programs.ts";
import { cacheDirectory } from "../../scripts/stack/postgres-programs.ts";
import { cloudKinds } from "./cloud-kinds.ts";

/** The path of a kind's schema below `schemaFolder()`, as a template of kubeconform. */
export const schemaPath = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";

/** Kubernetes' own kinds come from this module's OpenAPI document. */
const kubernetes = "k8s.io/kubernetes@v1.34.4";

/** Operators whose resources the charts or k8s/gitops contain, with the folder of the CRDs in their modules. */
const operators: Readonly<Record<string, string>> = {
  "github.com/cloudnative-pg/cloudnative-pg@v1.30.0": "config/crd/bases",
  "github.com/cloudnative-pg/plugin-barman-cloud@v0.15.0": "config/crd/bases",
  "github.com/temporalio/temporal-worker-controller@v1.8.1": "helm/temporal-worker-controller-crds/templates",
  "github.com/cert-manager/cert-manager@v1.21.2": "deploy/crds",
  "github.com/prometheus-operator/prometheus-operator@v0.85.0": "example/prometheus-operator-crd",
  "sigs.k8s.io/gateway-api@v1.4.1": "config/crd/standard",
  "istio.io/api@v1.28.0": "kubernetes",
  "github.com/fluxcd/source-controller@v1.7.3": "config/crd/bases",
  "github.com/fluxcd/helm-controller@v1.4.3": "config/crd/bases",
  "github.com/fluxcd/kustomize-controller@v1.7.3": "config/crd/bases",
  "github.com/argoproj/argo-cd/v3@v3.5.7": "manifests/crds",
  "github.com/external-secrets/external-secrets@v1.3.2": "config/crds/bases",
};

/**
 * Returns a folder with a JSON schema of each kind that the charts may contain. It is created once from the Go modules of
 * Kubernetes and the operators, because a build machine may not reach the hosts of published schemas. Unknown fields are
 * errors, as with `kubectl apply --validate=strict`.
 */
export async function schemaFolder(): Promise<string> {
  const made = createHash("sha256")
    .update(kubernetes)
    .update(JSON.stringify([operators, cloudKinds]));
  made.update(await readFile(new URL(import.meta.url)));
  const folder = join(cacheDirectory(), `kubernetes-schemas-${made.digest("hex").slice(0, 12)}`);
  if (
    await access(folder).then(
      () => true,
      () => false,
    )
  )
    return folder;
  const unfinished = `${folder}.${process.pid}`;
  await rm(unfinished, { recursive: true, force: true });
  await writeKubernetesSchemas(unfinished);
  for (const [module, definitions] of Object.entries(operators)) {
    await writeCustomSchemas(join(await goModule(module), definitions), unfinished);
  }
  for (const { spec, ...kind } of cloudKinds) {
    const properties = { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" }, spec };
    await writeSchema(unfinished, kind, {
      type: "object",
      properties,
      required: ["spec"],
      additionalProperties: false,
    });
  }
  // Atomic, because another process may be doing the same.
  await rename(unfinished, folder).catch(() => rm(unfinished, { recursive: true, force: true }));
  return folder;
}

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema.
type Schema = any;

async function writeKubernetesSchemas(folder: string): Promise<void> {
  const file = join(await goModule(kubernetes), "api/openapi-spec/swagger.json");
  const { definitions }: { definitions: Record<string, Schema> } = JSON.parse(await readFile(file, "utf8"));
  const strict = Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, closed(schema)]));
  const either = (...types: string[]) => ({ anyOf: types.map((type) => ({ type })) });
  strict["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = either("string", "integer");
  strict["io.k8s.apimachinery.pkg.api.resource.Quantity"] = either("string", "number");
  for (const [name, { "x-kubernetes-group-version-kind": kinds = [] }] of Object.entries(definitions)) {
    // Kinds of every group (DeleteOptions, WatchEvent) are in no chart.
    const [{ group, version, kind } = { group: "", version: "", kind: "" }] = kinds;
    if (kinds.length !== 1) continue;
    const used: Record<string, Schema> = {};
    collect(name, strict, used);
    await writeSchema(folder, { group, version, kind }, { $ref: `#/definitions/${name}`, definitions: used });
  }
}

function collect(name: string, all: Record<string, Schema>, into: Record<string, Schema>): void {
  if (name in into) return;
  into[name] = all[name];
  for (const [, other = ""] of JSON.stringify(all[name]).matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)) {
    collect(other, all, into);
  }
}

async function writeCustomSchemas(from: string, folder: string): Promise<void> {
  for (const name of (await readdir(from)).filter((file) => file.endsWith(".yaml"))) {
    // CRDs in a chart have some lines of Helm templates around them.
    const text = (await readFile(join(from, name), "utf8")).replaceAll(/^\s*\{\{.*\}\}\s*$/gm, "");
    for (const document of parseAllDocuments(text)) {
      const definition: Schema = document.toJS();
      if (definition?.kind !== "CustomResourceDefinition") continue;
      const { group, names, versions } = definition.spec;
      for (const { name: version, schema } of versions) {
        const { kind } = names;
        await writeSchema(folder, { group, version, kind }, withMetadata(closed(schema.openAPIV3Schema)));
      }
    }
  }
}

function withMetadata(schema: Schema): Schema {
  // Istio's definitions leave out what every object has.
  const text = { type: "string" };
  const properties = { apiVersion: text, kind: text, ...schema.properties, metadata: { type: "object" } };
  return { ...schema, properties };
}

/** Returns the schema without additional fields if it lists any, and with null where it is nullable. */
function closed(schema: Schema): Schema {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const { properties, additionalProperties, nullable, ...rest } = schema;
  const inside = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, isData(key) ? value : closed(value)]),
  );
  if (nullable === true && typeof inside.type === "string") inside.type = [inside.type, "null"];
  if (additionalProperties !== undefined) inside.additionalProperties = closed(additionalProperties);
  if (properties !== undefined) {
    inside.properties = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, closed(value)]));
    const open = rest["x-kubernetes-preserve-unknown-fields"] === true;
    // A branch of anyOf lists only some of the fields.
    if (additionalProperties === undefined && !open && rest.type === "object") inside.additionalProperties = false;
  }
  return inside;
}

function isData(key: string): boolean {
  return key === "default" || key === "enum" || key === "example";
}

async function writeSchema(
  folder: string,
  { group, version, kind }: { group: string; version: string; kind: string },
  schema: Schema,
): Promise<void> {
  // kubeconform uses the version as the group of core kinds.
  const directory = join(folder, group === "" ? version : group);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, `${kind.toLowerCase()}_${version}.json`), JSON.stringify(schema));
}
