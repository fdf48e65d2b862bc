import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import type { Cluster, KubeObject } from "../../k8s/install/cluster.ts";
import { usedSecrets } from "../../k8s/install/needed-secrets.ts";
import { readOptions } from "../../k8s/install/options.ts";
import { createProgress } from "../../k8s/install/progress.ts";
import { shopChart } from "../../k8s/install/shop-chart.ts";
import { runSteps } from "../../k8s/install/steps.ts";
import { fillIn, prodRetention, tlsFlags } from "../../k8s/install/temporal.ts";
import versions from "../../k8s/versions.json" with { type: "json" };
import { cloneFolder } from "../../scripts/clone.ts";
import { gitopsFiles } from "./gitops-files.ts";
import { type Manifest, merged, ofKind, renderText } from "./render.ts";

// The installations by Flux and by Argo CD of k8s/gitops are that of the installer in production.

const objects: readonly Manifest[] = gitopsFiles().flatMap(({ text }) => objectsOf(text));
const releases = ofKind(objects, "HelmRelease");
const stages = ofKind(objects, "Kustomization");
const releaseOf = (name: string): Manifest => releases.find(({ metadata }) => metadata.name === name);
const shopsValues = releaseOf("sagacart").spec.values;

/** The calls of the installer in production for a cluster that has nothing. */
const installed = await installInto();

async function installInto() {
  const helm: string[][] = [];
  const applied: Manifest[] = [];
  let hasCrds = false;
  const conditions = ["Ready", "Established", "Complete", "Available"].map((type) => ({ type, status: "True" }));
  const ready = (name: string): KubeObject => ({ metadata: { name }, status: { conditions, applied: true } });
  const cluster: Cluster = {
    context: "nowhere",
    kubectl: async () => "",
    tryKubectl: async () => ({ ok: true, stdout: "", stderr: "" }),
    helm: async (args) => {
      if (args[0] === "list") return "[]";
      helm.push([...args]);
      hasCrds = true;
      return "";
    },
    find: async (kind, name) => {
      if (kind === "apiservice") return undefined;
      return kind === "crd" && !hasCrds ? undefined : ready(name);
    },
    // No operator's Deployment, so that each is installed.
    list: async () => [],
    apply: async (manifest) => void applied.push(...objectsOf(manifest)),
  };
  const steps = "cert-manager,cloudnative-pg,backups,worker-controller,metrics-server,temporal";
  const options = readOptions(["--profile", "prod", "--context", "nowhere", "--only", steps]);
  if (options === "help") throw new Error("no help was asked for");
  await runSteps({ cluster, options, progress: createProgress(() => {}) });
  return { helm, applied, shop: await shopChart({ cluster, options }) };
}

test("Flux installs the charts that the installer installs, in the same versions and namespaces", () => {
  const repositories = ofKind(objects, "HelmRepository");
  const byFlux = releases
    .filter(({ metadata }) => metadata.name !== "sagacart")
    .map(({ spec }) => {
      const { chart, version, sourceRef } = spec.chart.spec;
      const { url, type } = repositories.find(({ metadata }) => metadata.name === sourceRef.name).spec;
      const source = type === "oci" ? { chart: `${url}/${chart}` } : { repository: url, chart };
      return { ...source, version, namespace: spec.targetNamespace, release: spec.releaseName };
    });
  const known = Object.values(versions.charts).map(({ chart, version, namespace, ...rest }) => ({
    ...("repository" in rest ? { repository: rest.repository } : {}),
    ...{ chart, version, namespace, release: chart.split("/").at(-1) },
  }));
  const byInstaller = installed.helm.flatMap(([, , name]) => known.filter(({ release }) => release === name));
  const byName = (one: { release?: string | undefined }, other: { release?: string | undefined }) =>
    `${one.release}`.localeCompare(`${other.release}`);

  expect(byFlux.toSorted(byName)).toEqual(byInstaller.toSorted(byName));
  expect(installed.helm.map(([, , release]) => release).toSorted()).toEqual(
    byFlux.map((one) => one.release).toSorted(),
  );
});

test.each(installed.helm.map((args) => [args[2] ?? "", args] as const))(
  "Flux gives %s the values of the installer",
  (name, args) => {
    const { values = {}, valuesFrom = [] } = releaseOf(name).spec;
    expect(values).toEqual(valuesIn(args));
    const files = args.flatMap((arg, index) => (arg === "-f" ? [`${args[index + 1]}`.split("/").at(-1)] : []));
    expect(valuesFrom.map(({ valuesKey }: Manifest) => valuesKey)).toEqual(files);
  },
);

test("Flux gives the shop the files and values of the installer", () => {
  const { args, input } = installed.shop;
  const files = args.flatMap((arg, index) => (args[index - 1] === "-f" && arg !== "-" ? [arg] : []));
  expect(releaseOf("sagacart").spec.chart.spec.valuesFiles).toEqual(
    [`${cloneFolder}charts/sagacart/values.yaml`, ...files].map((file) => file.replace(cloneFolder, "./")),
  );
  expect(shopsValues).toMatchObject(JSON.parse(input));
});

test("the files for Temporal, filled in by Flux, are what the installer applies", () => {
  const kustomization = parse(read("k8s/temporal/kustomization.yaml"));
  const [{ name, namespace, files, options }] = kustomization.configMapGenerator;
  const release = releaseOf("temporal");
  expect(release.spec.valuesFrom.map((one: Manifest) => [one.name, one.valuesKey])).toEqual(
    files.map((file: string) => [name, file]),
  );
  // Without a suffix, and where the release looks for it.
  expect({ namespace, options }).toEqual({
    namespace: release.metadata.namespace,
    options: { disableNameSuffixHash: true },
  });
  const byFlux = stages.flatMap(({ spec }) => objectsOf(filled(spec).join("\n---\n"))).filter(({ kind }) => kind);
  const other = new Set(["HelmRelease", "HelmRepository", "ExternalSecret"]);
  expect(byFlux.filter(({ kind }) => !other.has(kind)).toSorted(byText)).toEqual(
    installed.applied.filter(({ metadata }) => metadata.name !== "sagacart-install-check").toSorted(byText),
  );
});

test("each stage waits for the one before, and is given exactly the values that its files name", () => {
  const names = stages.map(({ metadata }) => metadata.name);
  for (const [index, { spec }] of stages.entries()) {
    expect(spec.dependsOn ?? []).toEqual(index === 0 ? [] : [{ name: names[index - 1] }]);
    const named = textsOf(spec).flatMap((text) => [...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => name));
    expect(Object.keys(spec.postBuild?.substitute ?? {}).toSorted()).toEqual([...new Set(named)].toSorted());
  }
  expect(stages.find(({ spec }) => spec.force === true).spec.postBuild.substitute).toMatchObject({
    RETENTION: prodRetention,
    TLS_FLAGS: tlsFlags,
  });
});

test("the ExternalSecrets have the Secrets and keys that the shop needs, and no others", async () => {
  const used = usedSecrets(
    await renderText({
      files: ["k8s/profiles/prod.yaml", "k8s/temporal/shop-values-prod.yaml"],
      values: merged({}, shopsValues),
      release: "sagacart",
      namespace: "sagacart",
    }),
  );
  const external = ofKind(objects, "ExternalSecret").map(({ metadata, spec }): [string, string[]] => [
    metadata.name,
    Object.keys(spec.target?.template.data ?? keyed(spec.data)).toSorted(),
  ]);
  expect(Object.fromEntries(external)).toEqual(
    // cert-manager makes Temporal's.
    Object.fromEntries(
      [...used].filter(([name]) => name !== "temporal-client-tls").map(([name, keys]) => [name, [...keys].toSorted()]),
    ),
  );
});

describe("Argo CD", () => {
  const argo = objectsOf(gitopsFiles("argocd").find(({ path }) => path.endsWith("sagacart.yaml"))?.text ?? "");
  const applications = ofKind(argo, "Application");
  const applicationOf = (name: string): Manifest => applications.find(({ metadata }) => metadata.name === name);
  const sourcesOf = ({ spec }: Manifest): Manifest[] => spec.sources ?? [spec.source];
  const waveOf = ({ metadata }: Manifest) => Number(metadata.annotations["argocd.argoproj.io/sync-wave"]);
  /** The Applications of charts of others, with their source. */
  const charts = applications.flatMap((application) =>
    sourcesOf(application)
      .filter(({ chart }) => chart !== undefined)
      .map((source) => ({ application, source })),
  );

  test("installs the charts that the installer installs, in the same versions and namespaces", () => {
    const byArgo = charts.map(({ application, source }) => ({
      chart: source.chart,
      version: source.targetRevision,
      repository: source.repoURL.replace(/^https:\/\/|\/$/g, ""),
      namespace: application.spec.destination.namespace,
      release: source.helm.releaseName,
    }));
    const byInstaller = installed.helm.map(([, , name]) => {
      const known = Object.values(versions.charts).find(({ chart }) => chart.split("/").at(-1) === name);
      const from = known !== undefined && "repository" in known ? known.repository : dirname(known?.chart ?? "");
      return {
        chart: name,
        version: known?.version,
        repository: from.replace(/^\w+:\/\//, ""),
        namespace: known?.namespace,
        release: name,
      };
    });
    const byName = (one: { release?: string | undefined }, other: { release?: string | undefined }) =>
      `${one.release}`.localeCompare(`${other.release}`);

    expect(byArgo.toSorted(byName)).toEqual(byInstaller.toSorted(byName));
  });

  test.each(installed.helm.map((args) => [args[2] ?? "", args] as const))(
    "gives %s the values of the installer",
    (name, args) => {
      const { helm } = charts.find(({ source }) => source.helm.releaseName === name)?.source ?? {};
      expect(helm.valuesObject ?? {}).toEqual(valuesIn(args));
      const files = args.flatMap((arg, index) => (arg === "-f" ? [`${args[index + 1]}`.replace(cloneFolder, "")] : []));
      expect((helm.valueFiles ?? []).map((file: string) => file.replace("$sagacart/", ""))).toEqual(files);
      for (const file of files) expect(read(file)).not.toBe("");
    },
  );

  test("gives the shop the files and values of Flux, which are those of the installer", () => {
    const { source } = applicationOf("sagacart").spec;
    const { valuesFiles } = releaseOf("sagacart").spec.chart.spec;
    expect(source.helm.valueFiles.map((file: string) => `./${join(source.path, file)}`)).toEqual(
      // Helm reads the chart's own.
      valuesFiles.filter((file: string) => file !== "./charts/sagacart/values.yaml"),
    );
    expect(source.helm.valuesObject).toEqual(shopsValues);
    expect(source.helm.releaseName).toBe(releaseOf("sagacart").spec.releaseName);
  });

  test("the files for Temporal, with its patches, are what the installer applies", () => {
    const byArgo = applications.flatMap((application) =>
      sourcesOf(application)
        .filter(({ kustomize }) => kustomize !== undefined)
        .flatMap(({ path, kustomize }) => patched(kustomizedIn(path), kustomize.patches)),
    );
    const namespaces = ofKind(argo, "Namespace").map(({ metadata: { annotations, ...metadata }, ...namespace }) => ({
      ...namespace,
      metadata,
    }));
    expect([...namespaces, ...byArgo].toSorted(byText)).toEqual(
      installed.applied.filter(({ metadata }) => metadata.name !== "sagacart-install-check").toSorted(byText),
    );
    expect(JSON.stringify(byArgo)).not.toMatch(/\$\{(?:SHOP_NAMESPACE|TEMPORAL_NAMESPACE|RETENTION|TLS_FLAGS)\}/);
  });

  test("its waves have the order of Flux's stages, and of the releases in one", () => {
    const [operators = [], ...later] = [
      releases.filter(({ metadata }) => !["temporal", "sagacart"].includes(metadata.name)).map(nameOf),
      ["sagacart-temporal-prerequisites"],
      ["temporal"],
      ["sagacart-temporal-namespace"],
      ["sagacart-secrets"],
      ["sagacart"],
    ];
    expect(applications.map(nameOf).toSorted()).toEqual([...operators, ...later.flat()].toSorted());
    const waves = [
      ofKind(argo, "Namespace"),
      operators.map(applicationOf),
      ...later.map((names) => names.map(applicationOf)),
    ];
    for (const [index, objects] of waves.slice(1).entries()) {
      const before = Math.max(...(waves[index] ?? []).map(waveOf));
      expect(Math.min(...objects.map(waveOf)), objects.map(nameOf).join()).toBeGreaterThan(before);
    }
    for (const { metadata, spec } of releases) {
      for (const { name } of spec.dependsOn ?? []) {
        expect(waveOf(applicationOf(metadata.name)), metadata.name).toBeGreaterThan(waveOf(applicationOf(name)));
      }
    }
  });

  test("it deletes nothing by itself, and contains no Secret", () => {
    for (const { metadata, spec } of applications) {
      expect([metadata.name, metadata.finalizers, spec.syncPolicy.automated]).toEqual([
        ...[metadata.name, undefined],
        { selfHeal: true },
      ]);
    }
    expect(ofKind(argo, "Secret")).toEqual([]);
  });

  test("a wave waits for the Applications of the one before: their health is judged", () => {
    const [{ data }] = objectsOf(gitopsFiles("argocd").find(({ path }) => path.endsWith("argocd-cm.yaml"))?.text ?? "");
    expect(Object.keys(data)).toEqual(["resource.customizations.health.argoproj.io_Application"]);
  });
});

function nameOf({ metadata }: Manifest): string {
  return metadata.name;
}

/** Returns the objects that a folder's kustomization has, without what it generates. */
function kustomizedIn(folder: string): readonly Manifest[] {
  const { resources }: { resources: readonly string[] } = parse(read(join(folder, "kustomization.yaml")));
  return resources.flatMap((name) => objectsOf(read(join(folder, name))));
}

/** Applies patches as Kustomize does: each is a list of replacements (RFC 6902), or deletes what it names. */
function patched(objects: readonly Manifest[], patches: readonly Manifest[]): readonly Manifest[] {
  return patches.reduce<readonly Manifest[]>((current, { target, patch }) => {
    const isMeant = ({ kind, metadata }: Manifest) =>
      kind === target.kind && new RegExp(`^(?:${target.name})$`).test(metadata.name);
    const changes = parse(patch);
    if (!Array.isArray(changes)) {
      // Generated, so it is not among them.
      expect([changes.$patch, target.kind]).toEqual(["delete", "ConfigMap"]);
      return current.filter((object) => !isMeant(object));
    }
    expect(current.filter(isMeant), `${target.kind} ${target.name}`).toHaveLength(1);
    return current.map((object) => (isMeant(object) ? changes.reduce(replacedIn, structuredClone(object)) : object));
  }, objects);
}

function replacedIn(object: Manifest, { op, path, value }: Manifest): Manifest {
  const names = path
    .slice(1)
    .split("/")
    .map((name: string) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = names.pop();
  const inside = names.reduce((found: Manifest, name: string) => found[name], object);
  expect([op, Object.hasOwn(inside, last)], path).toEqual(["replace", true]);
  inside[last] = value;
  return object;
}

function keyed(data: readonly Manifest[]): object {
  return Object.fromEntries(data.map(({ secretKey }) => [secretKey, true]));
}

/** Returns the values of helm's options `--set` and `--set-json`. */
function valuesIn(args: readonly string[]): object {
  return args.reduce<object>((values, arg, index) => {
    const before = args[index - 1];
    if (before !== "--set" && before !== "--set-json") return values;
    const [path = "", text = ""] = [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)];
    const value: unknown = before === "--set-json" || /^(true|false)$/.test(text) ? JSON.parse(text) : text;
    return merged(values, path.split(".").reduceRight<unknown>((inside, key) => ({ [key]: inside }), value) as object);
  }, {});
}

/** Returns the files that a stage applies. The copy of `shop` is in another repository. */
function textsOf({ path }: Manifest): readonly string[] {
  if (path === "./shop") return gitopsFiles("shop").map(({ text }) => text);
  const names: readonly string[] = readdirSync(join(cloneFolder, path)).includes("kustomization.yaml")
    ? parse(read(join(path, "kustomization.yaml"))).resources
    : readdirSync(join(cloneFolder, path));
  return names.map((name) => read(join(path, name)));
}

function filled(spec: Manifest): readonly string[] {
  return textsOf(spec).map((text) => fillIn(text, spec.postBuild?.substitute ?? {}));
}

function objectsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document): Manifest => document.toJS());
}

function byText(one: Manifest, other: Manifest): number {
  const text = ({ kind, metadata }: Manifest) => `${kind} ${metadata.namespace} ${metadata.name}`;
  return text(one).localeCompare(text(other));
}

function read(path: string): string {
  return readFileSync(join(cloneFolder, path), "utf8");
}
