import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { cloneFolder } from "../clone.ts";
import { baseImages, tagArguments } from "./base-images.ts";
import { images } from "./images.ts";

const dockerfiles = globSync(["{services,workflows,scripts}/Dockerfile", "k8s/**/Dockerfile"], { cwd: cloneFolder });
const read = (path: string) => readFileSync(join(cloneFolder, path), "utf8");

test("every image of the shop has a Dockerfile that is checked here", () => {
  expect(dockerfiles).toEqual(expect.arrayContaining(images.map(({ dockerfile }) => dockerfile)));
});

describe.each(dockerfiles)("%s", (path) => {
  const text = read(path);
  const bases = baseImages(text);

  test("begins only with images by digest, or with its own stages", () => {
    const stages = [...text.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name = ""]) => name);
    const from = [...text.matchAll(/^FROM (\S+)/gm)].map(([, name = ""]) => name);
    const known = [...stages, ...bases.map(({ argument }) => `\${${argument}}`)];
    expect(from.length).toBeGreaterThan(0);
    expect(from.filter((name) => !known.includes(name))).toEqual([]);
    expect(bases.filter(({ digest }) => !/^sha256:[0-9a-f]{64}$/.test(digest ?? ""))).toEqual([]);
  });

  test("can be built with images by tag, where the digests are not to be had", () => {
    const given = tagArguments(text);
    expect(given.length).toBe(2 * bases.length);
    expect(given.join(" ")).not.toContain("@");
    expect(given).toContain("BUILD_IMAGE=docker.io/library/node:24.21.0-bookworm-slim");
  });
});

test("all Dockerfiles have one digest of each image", () => {
  const digests = Map.groupBy(
    dockerfiles.flatMap((path) => baseImages(read(path))),
    ({ tag }) => tag,
  );
  expect([...digests].map(([tag, all]) => [tag, new Set(all.map(({ digest }) => digest)).size])).toEqual(
    [...digests].map(([tag]) => [tag, 1]),
  );
});

type Step = { readonly uses?: string; readonly run?: string; readonly with?: Readonly<Record<string, string>> };
type Job = { readonly steps: readonly Step[]; readonly strategy: { readonly matrix: { readonly image: string[] } } };
type Workflow = { readonly jobs: Readonly<Record<string, Job>> };

describe("the release", () => {
  const text = read(".github/workflows/release.yml");
  const workflow: Workflow & { readonly permissions: object } = parse(text);
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  const commands = steps.map(({ run = "" }) => run).join("\n");

  test("uses each action by its commit, with the version beside it", () => {
    const uses = text.split("\n").filter((line) => line.includes("uses:"));
    expect(uses.length).toBeGreaterThan(4);
    expect(uses.filter((line) => !/uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  });

  test("builds every image", () => {
    const built = Object.values(workflow.jobs).flatMap(({ strategy }) => strategy.matrix.image);
    expect(built.toSorted()).toEqual(images.map(({ name }) => name).toSorted());
  });

  test.each([
    ["for both architectures", "--platform linux/amd64,linux/arm64"],
    ["with an SBOM of BuildKit", "--sbom=true"],
    ["with its provenance", "--provenance=mode=max"],
    ["signed without a key", "cosign sign --yes"],
    ["and the signature verified", "cosign verify"],
  ])("builds the images %s", (_, words) => {
    expect(commands).toContain(words);
  });

  test("fails for vulnerabilities that have a fix, and for licences that are not allowed", () => {
    const scans = steps.filter(({ uses = "" }) => uses.startsWith("aquasecurity/trivy-action@"));
    expect(scans.map((scan) => [scan.with?.scanners, String(scan.with?.["exit-code"])])).toEqual([
      ["vuln", "1"],
      ["license", "1"],
    ]);
    const order = steps.map(({ uses = "", run = "" }) => `${uses} ${run}`);
    const first = (words: string) => order.findIndex((step) => step.includes(words));
    expect(first("trivy-action@")).toBeLessThan(first("cosign sign"));
  });

  test("takes the registry from the owner: there is no default", () => {
    expect(commands).toContain("IMAGE_REGISTRY is not set");
    expect(text).not.toMatch(/docker\.io\/sagacart|ghcr\.io/);
  });

  test("may read the sources, and ask for a token to sign with; nothing else", () => {
    expect(workflow.permissions).toEqual({ contents: "read", "id-token": "write" });
  });
});
