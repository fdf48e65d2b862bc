import { readFile } from "node:fs/promises";
import { join } from "node:path";

// node scripts/images/sbom.ts <workspace>, in the folder of package-lock.json: prints a CycloneDX SBOM of the workspace's
// run-time packages, other workspaces included. `npm sbom --workspace` omits most transitive dependencies. The same lock
// file gives the same SBOM: it contains no time and no random number.

type Package = {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  /** Set for platform-specific packages: an image contains only those of its platform. */
  readonly os?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
};

const workspace = process.argv[2] ?? "";
const lock: { packages: Readonly<Record<string, Package>> } = JSON.parse(await readFile("package-lock.json", "utf8"));
const root = lock.packages[workspace];
if (workspace === "" || root === undefined) {
  process.stderr.write("usage: node scripts/images/sbom.ts <workspace>, for example services/order\n");
  process.exit(1);
}
const found = new Map<string, Package>();
collect(workspace);
const components = [...found]
  .filter(([path]) => path !== workspace)
  .map(([path, one]) => component(path, one))
  .sort((a, b) => (a["bom-ref"] < b["bom-ref"] ? -1 : 1));
const bom = {
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  version: 1,
  metadata: { component: { ...component(workspace, root), type: "application" } },
  components,
};
process.stdout.write(`${JSON.stringify(bom, undefined, 1)}\n`);

/** Adds the package at a path of the lock file, and its run-time dependencies. */
function collect(path: string): void {
  const one = lock.packages[path];
  if (one === undefined || found.has(path)) return;
  if (one.link === true) {
    collect(one.resolved ?? "");
    return;
  }
  found.set(path, one);
  for (const name of Object.keys({ ...one.dependencies, ...one.optionalDependencies, ...one.peerDependencies })) {
    const dependency = resolve(path, name);
    if (dependency !== undefined) collect(dependency);
  }
}

/** Resolves a package as Node does. Returns undefined if it is not installed, for example an optional one. */
function resolve(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = join(folder, "..")) {
    const path = join(folder, "node_modules", name);
    if (lock.packages[path] !== undefined) return path;
    if (folder === "." || folder === "") return undefined;
  }
}

function component(path: string, { name, version = "0.0.0", license, integrity, os }: Package) {
  const full = name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  const [, hash] = integrity?.split("sha512-") ?? [];
  const isExpression = license?.includes(" ") === true;
  return {
    "bom-ref": `${full}@${version}`,
    type: "library",
    name: full,
    version,
    scope: os === undefined ? "required" : "optional",
    purl: `pkg:npm/${full.replace("@", "%40")}@${version}`,
    ...(license === undefined
      ? {}
      : { licenses: [isExpression ? { expression: license } : { license: { id: license } }] }),
    ...(hash === undefined
      ? {}
      : { hashes: [{ alg: "SHA-512", content: Buffer.from(hash, "base64").toString("hex") }] }),
  };
}
