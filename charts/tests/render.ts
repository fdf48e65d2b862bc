import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { cloneFolder } from "../../scripts/clone.ts";
import { ProgramError } from "../../scripts/program.ts";
import { template } from "./helm.ts";
import { cachedRender } from "./render-cache.ts";

// biome-ignore lint/suspicious/noExplicitAny: Kubernetes' objects, of many kinds.
export type Manifest = any;

/** One way to install the umbrella. */
export type Variant = {
  readonly name: string;
  /** Files with values, from the root of the clone. */
  readonly files: readonly string[];
  /** Values on top of them. */
  readonly values?: object;
  /** APIs that the cluster has besides Kubernetes' own. */
  readonly apis?: readonly string[];
  /** `sagacart` in the namespace `shop` by default. */
  readonly release?: string;
  readonly namespace?: string;
};

/** The APIs of all operators that the charts have objects of. */
export const operatorApis = [
  ...["ServiceMonitor", "PodMonitor", "PrometheusRule"].map((kind) => `monitoring.coreos.com/v1/${kind}`),
  "postgresql.cnpg.io/v1",
  "barmancloud.cnpg.io/v1",
  "temporal.io/v1alpha1",
  "cert-manager.io/v1",
  "gateway.networking.k8s.io/v1",
  "gateway.networking.k8s.io/v1/BackendTLSPolicy",
];

/** Values that the chart requires in production and that only the owner of a shop can set. */
const ownersValues = {
  global: { publicUrl: "https://shop.example", image: { registry: "registry.example/shop" } },
  payment: { config: { PROVIDER_URL: "https://cards.example" } },
  shipping: { config: { CARRIER_URL: "https://carrier.example" } },
  notifier: { config: { MAIL_FROM: "Our shop <orders@our-shop.eu>" } },
  identity: { config: { MAIL_FROM: "Our shop <accounts@our-shop.eu>" } },
  databases: { backup: { configuration: { destinationPath: "s3://backups/" } } },
  temporal: { mutualTls: { secretName: "sagacart-temporal-tls" } },
};

/** Each profile of k8s/profiles (those of a cloud on top of `prod`), and options that no profile sets. */
export const variants: readonly Variant[] = [
  ...profileVariants(),
  { name: "dev without any operator's API", files: ["k8s/profiles/dev.yaml"], apis: [] },
  { name: "ci with TLS", files: ["k8s/profiles/ci.yaml"], values: { global: { tls: { enabled: true } } } },
  { name: "ci with a plain worker", files: ["k8s/profiles/ci.yaml"], values: { worker: { mode: "deployment" } } },
  {
    name: "ci with traces",
    files: ["k8s/profiles/ci.yaml"],
    values: { global: { otel: { endpoint: "http://otel-collector.monitoring:4318" } } },
  },
  {
    name: "ci with TLS at the gateway, a route and the continuous audit",
    files: ["k8s/profiles/ci.yaml"],
    values: {
      global: { tls: { enabled: true }, otel: { endpoint: "https://otel-collector.monitoring.svc:4318" } },
      gateway: { tls: { serve: true }, httpRoute: { enabled: true, parentRefs: [{ name: "public" }] } },
      audit: { every: "10m" },
      tests: { publicUrl: { enabled: "always" } },
    },
  },
  {
    name: "ci with an Ingress and an HTTPRoute",
    files: ["k8s/profiles/ci.yaml"],
    values: {
      gateway: {
        ingress: { enabled: true, hosts: ["shop.example"] },
        httpRoute: { enabled: true, parentRefs: [{ name: "public" }], hostnames: ["shop.example"] },
      },
    },
  },
  ...["alb", "gke", "agc", "istio", "nginx"].map((kind) => ({
    name: `ci behind ${kind}, with a GRPCRoute`,
    files: ["k8s/profiles/ci.yaml"],
    values: {
      gateway: {
        loadBalancer: { kind },
        ingress: { enabled: true, hosts: ["shop.example"] },
        httpRoute: { enabled: true, parentRefs: [{ name: "public" }], hostnames: ["shop.example"] },
        grpcRoute: { enabled: true, parentRefs: [{ name: "public" }], hostnames: ["grpc.shop.example"] },
      },
    },
  })),
];

function profileVariants(): Variant[] {
  const files = readdirSync(join(cloneFolder, "k8s/profiles")).filter((file) => file.endsWith(".yaml"));
  return files.map((file) => {
    const name = basename(file, ".yaml");
    const path = `k8s/profiles/${file}`;
    if (name === "prod") return { name, files: [path], values: ownersValues };
    // Profiles of clouds have placeholders, for example <your Gateway>.
    return name.startsWith("prod-")
      ? { name, files: ["k8s/profiles/prod.yaml"], values: merged(ownersValues, filledIn(path)) }
      : { name, files: [path] };
  });
}

function filledIn(path: string): object {
  return parse(readFileSync(join(cloneFolder, path), "utf8").replaceAll(/<[^<>\n]+>/g, "example"));
}

/** Merges the second values into the first as Helm does, maps recursively. */
export function merged(below: Manifest, above: Manifest): Manifest {
  const isMap = (value: Manifest) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap(below) || !isMap(above)) return above;
  const keys = new Set([...Object.keys(below), ...Object.keys(above)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, key in above ? merged(below[key], above[key]) : below[key]] as const),
  );
}

/** Renders the umbrella chart as text. Rejects with Helm's message if it refuses the values. */
export async function renderText(variant: Omit<Variant, "name">): Promise<string> {
  const { files, values = {}, apis = operatorApis, release = "sagacart", namespace = "shop" } = variant;
  const args = [
    ["template", release, "charts/sagacart", "--namespace", namespace, "--kube-version", "1.34"],
    apis.flatMap((api) => ["--api-versions", api]),
    [...files, "-"].flatMap((file) => ["--values", file]),
  ].flat();
  // Many tests render the same values.
  const input = JSON.stringify(values);
  const key = JSON.stringify([args, input]);
  const known = rendered.get(key) ?? cachedRender(args, input, () => template(args, input));
  rendered.set(key, known);
  return await known;
}

const rendered = new Map<string, Promise<string>>();

/** Renders the umbrella chart as objects, which must not be changed: variants share those that are alike. */
export async function render(variant: Omit<Variant, "name">): Promise<Manifest[]> {
  const documents = (await renderText(variant)).split(/^---$/m);
  return documents.flatMap((document) => {
    const objects = parsed.get(document) ?? parseAllDocuments(document).map((one) => one.toJS());
    parsed.set(document, objects);
    return objects.filter((object) => object !== null);
  });
}

const parsed = new Map<string, Manifest[]>();

/** Returns Helm's reason for refusing these values, in one line; undefined if it accepts them. */
export async function refusal(variant: Omit<Variant, "name">): Promise<string | undefined> {
  try {
    await renderText(variant);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    const [, sentence = error.message] = error.message.split("Error: ");
    return sentence.replace("Use --debug flag to render out invalid YAML", "").replaceAll(/\s+/g, " ").trim();
  }
}

/** The pod of an object, with the object's kind and name, for example `Deployment sagacart-order`. */
export type RenderedPod = { readonly from: string; readonly metadata: Manifest; readonly spec: Manifest };

/** Returns the pods of all objects, without those that operators create from their own resources. */
export function podsOf(objects: readonly Manifest[]): RenderedPod[] {
  return objects.flatMap(({ kind, metadata, spec }) => {
    const from = `${kind} ${metadata.name}`;
    switch (kind) {
      case "Deployment":
      case "StatefulSet":
      case "DaemonSet":
      case "Job":
      case "WorkerDeployment":
        return [{ from, metadata: spec.template.metadata ?? {}, spec: spec.template.spec }];
      case "CronJob": {
        const { template } = spec.jobTemplate.spec;
        return [{ from, metadata: template.metadata ?? {}, spec: template.spec }];
      }
      case "Pod":
        return [{ from, metadata, spec }];
      default:
        return [];
    }
  });
}

/** Returns the objects of a kind. */
export function ofKind(objects: readonly Manifest[], kind: string): Manifest[] {
  return objects.filter((object) => object.kind === kind);
}

/** Returns the object of a kind with a name. Throws if there is none. */
export function named(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = ofKind(objects, kind).find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}
