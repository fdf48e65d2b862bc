import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeNames, partOf } from "../shop.ts";
import { images } from "./images.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The programs that run from an image, in pods, in init containers, in jobs, and while it is built. */
function programsOf(image: (typeof images)[number]): string[] {
  switch (image.name) {
    case "worker":
      return ["main", "worker/lean-threads", "worker/wait-main", "worker/bundle"].map(
        (name) => `workflows/src/${name}.ts`,
      );
    case "tools":
      return ["scripts/audit.ts", ...globSync("scripts/cluster/{checkout,health,public-url,seed}.ts", { cwd: root })];
    case "card-provider":
    case "carrier":
      return [partOf(image.name).entry ?? ""];
    default: {
      const folder = image.workspace;
      const migrates = existsSync(join(root, folder, "migrations"));
      return [`${folder}/src/main.ts`, ...(migrates ? ["services/chassis/src/postgres/migrate-main.ts"] : [])];
    }
  }
}

describe.each(images)("the image of $name", (image) => {
  const programs = programsOf(image);
  const copied = foldersCopied(image);
  const modules = programs.flatMap((program) => [...modulesOf(program)]);
  const isFake = fakeNames.some((name) => name === image.name);
  const sources = mkdtempSync(join(tmpdir(), "image-"));
  let files: string[] = [];

  beforeAll(() => {
    // What the build copies, but for what .dockerignore leaves out, and then what it deletes.
    for (const folder of copied) {
      const filter = (path: string) => basename(path) !== "node_modules" && !path.endsWith(".test.ts");
      cpSync(join(root, folder), join(sources, folder), { recursive: true, filter });
    }
    const [, choice = ""] = /sh scripts\/images\/leave-out\.sh (\S+)/.exec(dockerfileOf(image)) ?? [];
    execFileSync("sh", [join(root, "scripts/images/leave-out.sh"), choice], { cwd: sources });
    files = globSync("**/*", { cwd: sources });
  });
  afterAll(() => rmSync(sources, { recursive: true }));

  test("has no code for tests, and that of the simulated providers only if it is theirs", () => {
    const folders = (name: string) => files.filter((file) => file.split("/").includes(name));

    expect(folders("testing")).toEqual([]);
    expect(files.filter((file) => file.endsWith(".test.ts"))).toEqual([]);
    expect(folders("fake").length > 0).toBe(isFake);
    expect(files.length).toBeGreaterThan(50);
  });

  test("has its programs", () => {
    expect(programs.filter((program) => !existsSync(join(sources, program)))).toEqual([]);
    expect(programs.length).toBeGreaterThan(0);
  });

  test("has each file of the project that its programs load", () => {
    const missing = modules.filter(({ file }) => file !== undefined && !existsSync(join(sources, file)));
    expect(missing).toEqual([]);
  });

  test("has each package that its programs load", () => {
    const installed = packagesOf(image.workspace);
    const missing = modules.filter(({ name }) => name !== undefined && !installed.has(name));
    expect(missing).toEqual([]);
  });

  test("has the manifests of the packages that npm installs", () => {
    const dockerfile = dockerfileOf(image);
    const manifests = [...packagesOf(image.workspace)].filter((name) => name.startsWith("@sagacart/")).map(folderOf);
    expect(manifests.filter((folder) => !dockerfile.includes(`COPY ${folder}/package.json ${folder}/`))).toEqual([]);
  });
});

/** A module that is loaded: a file of the project, or a package of npm. */
type Loaded = { readonly by: string; readonly file?: string; readonly name?: string };

/** Returns all modules that a program loads, but for the inner ones of packages of npm. */
function modulesOf(program: string, seen = new Map<string, Loaded>()): Iterable<Loaded> {
  const visit = (file: string) => {
    for (const specifier of importsOf(readFileSync(join(root, file), "utf8"))) {
      const loaded = resolve(specifier, file);
      const key = loaded?.file ?? loaded?.name;
      if (loaded !== undefined && key !== undefined && !seen.has(key)) {
        seen.set(key, loaded);
        if (loaded.file?.endsWith(".ts")) {
          visit(loaded.file);
        }
      }
    }
  };
  visit(program);
  return seen.values();
}

/** Returns the modules that a source names, but for those that are imported only for their types. */
function importsOf(source: string): string[] {
  const statements = source
    .replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, "")
    .replaceAll(/^(?:import|export) type [^;]*;/gm, "");
  return [...statements.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([\w@.][^"\s]*)"/g)].map(
    ([, specifier = ""]) => specifier,
  );
}

function resolve(specifier: string, by: string): Loaded | undefined {
  if (specifier.startsWith("node:")) {
    return undefined;
  }
  if (specifier.startsWith(".")) {
    return { by, file: join(by, "..", specifier) };
  }
  const [scope = "", second = ""] = specifier.split("/");
  const name = scope.startsWith("@") ? `${scope}/${second}` : scope;
  if (!name.startsWith("@sagacart/")) {
    return { by, name };
  }
  const folder = folderOf(name);
  const { exports = {} } = manifestOf(folder);
  const path = `.${specifier.slice(name.length)}`;
  const exact = exports[path];
  if (exact !== undefined) {
    return { by, file: join(folder, exact) };
  }
  for (const [pattern, target] of Object.entries(exports)) {
    const [before = "", after = ""] = pattern.split("*");
    if (pattern.includes("*") && path.startsWith(before) && path.endsWith(after)) {
      return { by, file: join(folder, target.replace("*", path.slice(before.length, path.length - after.length))) };
    }
  }
  throw new Error(`${by}: ${name} does not export ${path}`);
}

/** Returns the packages that npm installs for a workspace, at the first level, with those of the project's packages in it. */
function packagesOf(workspace: string, found = new Set<string>()): Set<string> {
  for (const name of Object.keys(manifestOf(workspace).dependencies ?? {})) {
    if (!found.has(name)) {
      found.add(name);
      if (name.startsWith("@sagacart/")) {
        packagesOf(folderOf(name), found);
      }
    }
  }
  return found;
}

function folderOf(name: string): string {
  const short = name.slice("@sagacart/".length);
  return short === "proto" || short === "workflows" ? short : `services/${short}`;
}

type Manifest = {
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
};

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
}

/** Returns the Dockerfile, with the values of its arguments in place of their names. */
function dockerfileOf({ dockerfile, buildArguments }: (typeof images)[number]): string {
  const text = readFileSync(join(root, dockerfile), "utf8");
  const given = buildArguments.filter((argument) => argument !== "--build-arg").map((argument) => argument.split("="));
  const defaults = [...text.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name = "", value = ""]) => [name, value]);
  const values = new Map([...defaults, ...given].map(([name = "", value = ""]) => [name, value]));
  return text.replaceAll(/\$\{(\w+)\}/g, (all, name: string) => values.get(name) ?? all);
}

/** Returns the folders of sources that an image gets. */
function foldersCopied(image: (typeof images)[number]): string[] {
  const [, app = ""] = dockerfileOf(image).split("FROM modules AS app");
  return [...app.matchAll(/^COPY ([\w/-]+) \1$/gm)].map(([, folder = ""]) => folder);
}
