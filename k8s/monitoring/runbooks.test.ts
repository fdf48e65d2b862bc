import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { databaseNames, partNames } from "../../scripts/shop.ts";
import { others } from "./others.ts";
import { readQuery } from "./promql.ts";
import { readRules } from "./rules.ts";

const root = new URL("../../", import.meta.url);
const folder = new URL("runbooks/", import.meta.url);
const { alerts, recordings } = await readRules();
const runbooks = await Promise.all(
  (await readdir(folder)).map(async (file) => ({ file, text: await readFile(new URL(file, folder), "utf8") })),
);

/** The tables of each service's database, and the SQL of its migrations. */
const tables = new Map<string, { names: Set<string>; sql: string }>(
  await Promise.all(
    databaseNames.map(async (service) => {
      const directory = new URL(`services/${service}/migrations/`, root);
      const files = await readdir(directory);
      const sql = await Promise.all(files.map((file) => readFile(new URL(file, directory), "utf8")));
      const names = [...sql.join("\n").matchAll(/create table (\w+)/g)].map(([, name = ""]) => name);
      return [service, { names: new Set(names), sql: sql.join("\n") }] as const;
    }),
  ),
);

const contractFolder = new URL("proto/sagacart/", root);
const contract = (
  await Promise.all(
    (
      await readdir(contractFolder, { recursive: true })
    )
      .filter((file) => file.endsWith(".proto"))
      .map((file) => readFile(new URL(file, contractFolder), "utf8")),
  )
).join("\n");

/** The sources of the processes, in which most names of metrics stand as text. */
const code = (
  await Promise.all(
    ["services", "workflows", "scripts/audit"].map(async (directory) => {
      const files = await readdir(new URL(`${directory}/`, root), { recursive: true });
      const sources = files.filter((file) => /\.ts$/.test(file) && !file.includes("node_modules"));
      return await Promise.all(sources.map((file) => readFile(new URL(`${directory}/${file}`, root), "utf8")));
    }),
  )
)
  .flat()
  .join("\n");

function isExported(metric: string): boolean {
  const base = metric.replace(/_(bucket|sum|count)$/, "");
  const isFromOthers = metric in others || /^(temporal|nodejs|process)_/.test(metric);
  const isComposed = /^rpc_(server|client)_(duration_seconds|in_flight)$/.test(base);
  return isFromOthers || isComposed || code.includes(base) || recordings.some(({ record }) => record === metric);
}

const fenced = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].flatMap(([, block = ""]) =>
    block.trim().split("\n"),
  );

test("every alert has a runbook, and every runbook an alert", () => {
  expect(runbooks.map(({ file }) => file).sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
});

test("the runbook of incidents tells what to do about each step that an incident may have", async () => {
  const folders = ["workflows/src/sagas", "workflows/src/dispatch", "services/order/src/disputes"];
  const sources = await Promise.all(
    folders.map(async (directory) => {
      const files = (await readdir(new URL(`${directory}/`, root))).filter((file) => /(?<!\.test)\.ts$/.test(file));
      return await Promise.all(files.map((file) => readFile(new URL(`${directory}/${file}`, root), "utf8")));
    }),
  );
  const plan = await readFile(new URL("workflows/src/sagas/plan.ts", root), "utf8");
  const named = [
    ...plan.matchAll(/\bname: "(\w+)"/g),
    ...sources
      .flat()
      .join("\n")
      .matchAll(/\b(?:step: |\w+Step = |retrying\()"(\w+)"/g),
  ];
  const steps = new Set(named.map(([, step = ""]) => step));
  const text = runbooks.find(({ file }) => file === "SagacartIncidentsOpen.md")?.text ?? "";
  const table = text.split("\n").filter((line) => line.startsWith("| `"));
  const told = table.flatMap((line) =>
    [...(line.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map(([, step = ""]) => step),
  );

  expect([...steps]).toEqual(
    expect.arrayContaining(["reserve", "charge", "ship", "undo", "refund", "dispute", "recall"]),
  );
  expect([...steps].filter((step) => !told.includes(step))).toEqual([]);
  expect(told.filter((step) => !steps.has(step))).toEqual([]);
});

describe("a runbook", () => {
  test.each(runbooks)("$file has a severity, a meaning, an impact, a diagnosis and a mitigation", ({ file, text }) => {
    expect(text.split("\n")[0]).toBe(`# ${file.replace(".md", "")}`);
    expect([...text.matchAll(/^## (\w+)$/gm)].map(([, title]) => title)).toEqual([
      ...["Meaning", "Impact", "Diagnosis", "Mitigation"],
    ]);
    expect(text).toContain(`Severity: ${alerts.find(({ alert }) => `${alert}.md` === file)?.labels.severity}`);
    expect(fenced(text, "sh").length).toBeGreaterThan(0);
  });

  test.each(runbooks)("$file links only to runbooks that exist", ({ text }) => {
    const named = [...text.matchAll(/\]\((\w+\.md)\)/g)].map(([, file]) => file);
    expect(named.filter((name) => !runbooks.some(({ file }) => file === name))).toEqual([]);
  });

  test.each(runbooks)("$file has valid queries of metrics that exist", ({ text }) => {
    for (const query of fenced(text, "promql")) {
      expect(readQuery(query).selectors.filter(({ metric }) => !isExported(metric))).toEqual([]);
    }
  });

  test.each(runbooks)("$file has API calls that the contract binds", ({ text }) => {
    const named = [...text.matchAll(/(GET|POST|PUT|PATCH|DELETE) (\/v1\/[\w/:.-]+)/g)].map(([call]) => call);
    const asked = [...text.matchAll(/curl (.*)\$SHOP(\/v1\/[\w/:.-]+)/g)].map(
      ([, options = "", path = ""]) => `${options.includes("POST") ? "POST" : "GET"} ${path}`,
    );
    expect([...named, ...asked].filter((call) => !isCall(call))).toEqual([]);
  });

  test.each(runbooks)("$file queries only tables and columns that exist", ({ text }) => {
    for (const line of fenced(text, "sh").filter((line) => line.includes("psql"))) {
      const [, inPod = "", database = "", sql = ""] =
        /kubectl cnpg psql sagacart-(\w+)-db -n sagacart -- (\w+) -c "(.*)"/.exec(line) ?? [];
      expect(inPod).toBe(database);
      const known = tables.get(database);
      const read = [...sql.matchAll(/(?:from|join) (\w+)/g)].map(([, table = ""]) => table);
      expect(read.filter((table) => !table.startsWith("pg_") && known?.names.has(table) !== true)).toEqual([]);
      if (read.some((table) => table.startsWith("pg_"))) {
        continue;
      }
      const words = sql.replaceAll(/'[^']*'/g, "").match(/[a-z_]{3,}/g) ?? [];
      expect(words.filter((word) => !known?.sql.includes(word) && !sqlWords.has(word))).toEqual([]);
    }
  });

  test.each(runbooks)("$file names no instance of a database, because the primary may be another", ({ text }) => {
    expect(text).not.toMatch(/-db-\d/);
  });

  test.each(runbooks)("$file runs only programs and names only objects that exist", async ({ text }) => {
    const { scripts } = JSON.parse(await readFile(new URL("package.json", root), "utf8")) as { scripts: object };
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, script = ""]) => script);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
    for (const line of fenced(text, "sh").filter((line) => !line.startsWith("#"))) {
      expect(["kubectl", "curl", "temporal"]).toContain(line.split(" ")[0]);
    }
    const apps = [...text.matchAll(/kubernetes\.io\/name=(\w+)/g)].map(([, app = ""]) => app);
    expect(apps.filter((app) => !pods.has(app))).toEqual([]);
    const objects = [...text.matchAll(/sagacart-([a-z]+)(?:-db)?\b/g)].map(([, app = ""]) => app);
    expect(objects.filter((app) => !pods.has(app))).toEqual([]);
    const verbs = [...text.matchAll(/^temporal (?:--\w+ \S+ )*(\w[\w-]*(?: [\w-]+)?(?: list| describe)?)/gm)];
    expect(verbs.map(([, verb = ""]) => verb.trim()).filter((verb) => !temporalVerbs.has(verb))).toEqual([]);
  });
});

const pods = new Set([
  ...[...partNames, "audit"],
  // The placeholder for the alert's label `app`.
  "APP",
]);

const temporalVerbs = new Set([
  "workflow list",
  "workflow show",
  "workflow describe",
  "task-queue describe",
  "worker deployment list",
  "worker deployment describe",
  "operator namespace describe",
]);

const sqlWords = new Set(
  "select from where and not null order by group limit desc asc count min max left join on interval now is convert_from like".split(
    " ",
  ),
);

/** Returns true if the contract binds a call to an RPC, for example `POST /v1/orders/ORDER_ID:cancel`. */
function isCall(call: string): boolean {
  const [method = "", path = ""] = call.split(" ");
  return [...contract.matchAll(/\b(get|post|put|patch|delete): "(\/v1\/[^"]+)"/g)].some(
    ([, verb = "", template = ""]) => {
      const pattern = template.replaceAll(/\{[^}]+\}/g, "[^/:]+");
      return verb.toUpperCase() === method && new RegExp(`^${pattern}$`).test(path);
    },
  );
}
