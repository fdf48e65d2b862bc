import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { wantedSecrets } from "../../k8s/install/secrets.ts";
import { cloneFolder } from "../../scripts/clone.ts";
import { type Manifest, render, variants } from "./render.ts";

/** A key of a Secret, or all of them: "*". */
type Key = { readonly secret: string; readonly key: string };

type Row = { readonly secrets: readonly string[]; readonly keys: readonly string[]; how: string; steps: string };

const howTo = readFileSync(join(cloneFolder, "k8s/rotation.md"), "utf8");
const rows = howTo
  .split("\n")
  .filter((line) => /^\| [^|]+\|[^|]+\|[^|]+\|[^|]+\|$/.test(line) && !/^\| (Secret|---) /.test(line))
  .map((line): Row => {
    const [secrets = "", keys = "", how = "", steps = ""] = line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
    return { secrets: expand(secrets), keys: keys.split(", "), how, steps };
  });

/** Expands the braces of a name as a shell does. */
function expand(name: string): string[] {
  const [, before = "", list = "", after = ""] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(name) ?? [];
  return list === "" ? [name] : list.split(",").map((one) => `${before}${one}${after}`);
}

function rowsOf({ secret, key }: Key): Row[] {
  return rows.filter(
    ({ secrets, keys }) => secrets.includes(secret) && (keys.includes("*") || key === "*" || keys.includes(key)),
  );
}

/** Returns every key of every Secret that these objects name, wherever they name it. */
function keysIn(object: Manifest): Key[] {
  if (typeof object !== "object" || object === null) return [];
  const all = (secret: string, items: readonly { key: string }[] | undefined): Key[] =>
    items === undefined ? [{ secret, key: "*" }] : items.map(({ key }) => ({ secret, key }));
  return Object.entries<Manifest>(object).flatMap(([name, value]): Key[] => {
    if (name === "secret" && typeof value === "object" && (value?.secretName ?? value?.name) !== undefined) {
      return all(value.secretName ?? value.name, value.items);
    }
    if (name === "secretName" && typeof value === "string") return all(value, undefined);
    if (name === "secretKeyRef") return [{ secret: value.name, key: value.key }];
    if (/SecretRef$/.test(name) || name === "passwordSecret" || name === "superuserSecret") {
      return [{ secret: value.name, key: value.key ?? "*" }];
    }
    return keysIn(value);
  });
}

async function rendered(): Promise<Key[]> {
  const cloud = { apiKey: { secretName: "sagacart-temporal-cloud", key: "api-key" }, mutualTls: { secretName: "" } };
  const prod = variants.find(({ name }) => name === "prod");
  const all = [
    ...variants,
    // What production may have besides.
    ...(prod === undefined ? [] : [{ ...prod, values: { ...prod.values, temporal: cloud } }]),
    {
      files: ["k8s/profiles/ci.yaml"],
      values: {
        audit: { every: "10m" },
        identity: { secret: { keys: { KEY_ENCRYPTION_SECRETS_BEFORE: true, OIDC_CLIENTS: true, SEED_USERS: true } } },
        databases: { cluster: { instances: 1 } },
      },
    },
  ];
  const objects = await Promise.all(all.map((variant) => render(variant)));
  // Those of the registry and of the Ingress are the owner's of the cluster, and the chart only passes their names on.
  return objects.flat().flatMap((object) => (object.kind === "Ingress" ? [] : keysIn(object)));
}

function created(): Key[] {
  return [wantedSecrets({}, true), wantedSecrets({}, false)].flatMap((secrets) =>
    Object.entries(secrets).flatMap(([name, data]) =>
      Object.keys(data).map((key) => ({ secret: `sagacart-${name}`, key })),
    ),
  );
}

test("the way to rotate each key of each Secret that the charts use or the installer creates is told once", async () => {
  const used = [...(await rendered()), ...created()];
  const told = used.map((key) => ({ ...key, rows: rowsOf(key).length }));
  const unknown = told.filter((one) => one.rows === 0 || (one.key !== "*" && one.rows !== 1));

  expect([...new Set(unknown.map((one) => `${one.secret} ${one.key}: ${one.rows} rows`))].toSorted()).toEqual([]);
  expect(new Set(used.map(({ secret }) => secret)).size).toBeGreaterThan(20);
});

test("each row of the table is of a Secret that exists, and links to a heading of the page", async () => {
  const used = [...(await rendered()), ...created()];
  const headings = [...howTo.matchAll(/^## (.*)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );

  const stale = rows.filter((row) => !used.some((key) => rowsOf(key).includes(row)));
  expect(stale).toEqual([]);
  for (const { how, steps, secrets } of rows) {
    expect(["two", "restart", "operator"], secrets.join()).toContain(how);
    expect(headings, secrets.join()).toContain(/\(#([^)]+)\)/.exec(steps)?.[1]);
  }
});
