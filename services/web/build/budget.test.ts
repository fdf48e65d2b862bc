import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

type Chunk = {
  readonly file: string;
  readonly src?: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
  readonly dynamicImports?: readonly string[];
};

let folder: string;
let chunks: ReadonlyMap<string, Chunk>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pages-"));
  process.env.WEB_OUT_DIR = folder;
  // Vitest's own value has the build take React for development, which is twice as large.
  process.env.NODE_ENV = "production";
  await build({ configFile: join(import.meta.dirname, "..", "vite.config.ts"), mode: "production" });
  chunks = new Map(Object.entries(JSON.parse(await readFile(join(folder, ".vite", "manifest.json"), "utf8"))));
});
afterAll(() => rm(folder, { recursive: true }));

/** The chunks that a first visit to the products loads: the entry, its page, and the parts of the header. */
const firstLoad = ["index.html", "src/shop/products-page.tsx", "src/shop/cart-link.tsx"];

test("the first load of the shop is at most 200 KB of compressed JavaScript", async () => {
  const files = withImports(firstLoad);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, `${file}.gz`))).size));

  expect(files.length).toBeGreaterThan(3);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(200_000);
});

test("nothing of the console is in what a customer loads", () => {
  const console = [...chunks].filter(([name]) => name.startsWith("src/console/")).map(([, { file }]) => file);
  const customers = [...chunks.keys()].filter((name) => name.startsWith("src/shop/") || name === "index.html");

  expect(console.length).toBeGreaterThan(0);
  expect(withImports(customers).filter((file) => console.includes(file))).toEqual([]);
});

test("the page has no inline script and no inline style", async () => {
  const page = await readFile(join(folder, "index.html"), "utf8");
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/);
});

test("each text file is compressed beside itself", async () => {
  const names = await readdir(folder, { recursive: true });
  const texts = names.filter((name) => /\.(?:js|css|svg|html)$/.test(name));
  expect(texts.filter((name) => !names.includes(`${name}.br`) || !names.includes(`${name}.gz`))).toEqual([]);
});

test("the rules of the contract are not sent to browsers", async () => {
  const scripts = withImports([...chunks.keys()]);
  const text = await Promise.all(scripts.map((file) => readFile(join(folder, file), "utf8")));
  // The text of a rule, as a descriptor encodes it.
  const rule = Buffer.from("a product may be named once").toString("base64").slice(4, 28);
  expect(text.join("")).not.toContain(rule);
  expect(text.join("")).toContain("searchProducts");
});

/** Returns the scripts of these chunks and of all that they import. */
function withImports(names: readonly string[]): string[] {
  const found = new Set<string>();
  const add = (name: string) => {
    const chunk = chunks.get(name);
    if (chunk === undefined) {
      throw new Error(`the build has no ${name}`);
    }
    if (!found.has(chunk.file)) {
      found.add(chunk.file);
      for (const each of chunk.imports ?? []) {
        add(each);
      }
    }
  };
  for (const name of names) {
    add(name);
  }
  return [...found].filter((file) => file.endsWith(".js"));
}
