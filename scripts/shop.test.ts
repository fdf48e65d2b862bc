import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { cloneFolder } from "./clone.ts";
import { calleesOf, databaseNames, deployedNames, type PartName, partNames, partOf, portOf } from "./shop.ts";

const read = (file: string) => readFileSync(join(cloneFolder, file), "utf8");
const values = parse(read("charts/sagacart/values.yaml"));
const chart = parse(read("charts/sagacart/Chart.yaml"));
/** The packages of services/ that are not processes. */
const shared = ["chassis", "outbox", "privacy", "provider", "rest"];

test("every folder of services/ is a part or a shared package", () => {
  const folders = readdirSync(join(cloneFolder, "services"), { withFileTypes: true }).filter((one) =>
    one.isDirectory(),
  );
  const known = [...new Set(partNames.map((name) => partOf(name).folder))].filter((path) =>
    path.startsWith("services/"),
  );
  expect(folders.map(({ name }) => `services/${name}`).toSorted()).toEqual(
    [...known, ...shared.map((name) => `services/${name}`)].toSorted(),
  );
});

test("Tilt copies the shared packages into the pods", () => {
  const [, listed] = /^shared = .* in (\[.*\])\]$/m.exec(read("Tiltfile")) ?? [];
  expect(JSON.parse((listed ?? "[]").replaceAll("'", '"'))).toEqual(shared);
});

test("the umbrella chart has an alias for each part that the chart `service` deploys", () => {
  expect(chart.dependencies.map(({ alias }: { alias: string }) => alias).toSorted()).toEqual(deployedNames.toSorted());
});

test.for(deployedNames)("%s has the same ports, protocol and database in the chart's values", (name) => {
  const { port, extraPorts = [], protocol = "grpc", database = {} } = values[name];
  const { kind, ports, database: kept } = partOf(name);
  expect([port, ...extraPorts.map((extra: { port: number }) => extra.port)]).toEqual(Object.values(ports));
  expect(protocol).toBe(kind === "http" ? "http" : "grpc");
  expect({ enabled: true, audited: true, ...database }).toMatchObject(
    kept === undefined ? { enabled: false } : { enabled: true, audited: kept === "audited" },
  );
});

test("the chart's edge tables have the same calls", () => {
  const { edges, worldEdges } = values.global.networkPolicy;
  const { seed: _, ...external } = worldEdges;
  const ofChart = [edges, external].flatMap((table: Record<string, Record<string, number[]>>) =>
    Object.entries(table).flatMap(([caller, callees]) =>
      Object.entries(callees).flatMap(([callee, ports]) => ports.map((port) => `${caller} → ${callee}:${port}`)),
    ),
  );
  expect(ofChart.toSorted()).toEqual(partNames.flatMap(edgesOf).toSorted());
});

test.for(partNames)("%s reads the addresses of the parts that it calls and no others", (name) => {
  const addresses = variablesOf(name).flatMap((variable) => {
    const to = targetOf(variable);
    if (to === undefined) return [];
    const [callee = "", port] = to.split(":");
    return callee === name ? [] : [`${name} → ${callee}:${portOf(callee, port)}`];
  });
  // A part that verifies or requests tokens reads two addresses of identity.
  expect([...new Set(addresses)].toSorted()).toEqual(edgesOf(name).toSorted());
});

test.for(deployedNames)("%s listens on its port of the table by default", (name) => {
  expect(read(`${partOf(name).folder}/src/config.ts`)).toMatch(
    new RegExp(`\\(${portOf(name)}[,)]|PORT.*${portOf(name)}`),
  );
});

test("the simulated providers have the same ports in the chart", () => {
  const found = [...read("charts/sagacart/templates/world.yaml").matchAll(/"name" "([a-z-]+)" "port" (\d+)/g)];
  const ports = found.map(([, name, port]) => [name, Number(port)]);
  expect(ports).toEqual(partNames.filter((name) => partOf(name).kind === "fake").map((name) => [name, portOf(name)]));
});

test("no two parts have the same port", () => {
  const ports = partNames.flatMap((name) => Object.values(partOf(name).ports));
  expect(new Set(ports).size).toBe(ports.length);
});

test.for(databaseNames)("%s has migrations", (name) => {
  expect(readdirSync(join(cloneFolder, partOf(name).folder, "migrations"))).not.toEqual([]);
});

function edgesOf(name: PartName): string[] {
  return calleesOf(name).map(({ name: callee, port }) => `${name} → ${callee}:${port}`);
}

/** Returns the address variables that a part's configuration reads. */
function variablesOf(name: PartName): string[] {
  const { folder, kind, entry } = partOf(name);
  const files = kind === "fake" && entry !== undefined ? [entry, fakeMain] : [`${folder}/src/config.ts`, authEnv];
  const text = files.map(read).join("\n");
  const names = [...text.matchAll(/^\s+([A-Z_]+_(?:ADDRESS|URL)):/gm)].map(([, variable = ""]) => variable);
  return names.filter((variable) => !variable.endsWith("_PER_ADDRESS"));
}

const fakeMain = "services/provider/src/fake/fake-main.ts";
const authEnv = "services/chassis/src/auth/env.ts";

/** Returns the part, and the port name if any, that a variable points to; undefined for other addresses. */
function targetOf(variable: string): string | undefined {
  if (variable in special) return special[variable];
  const [, callee = ""] = /^([A-Z]+)_ADDRESS$/.exec(variable) ?? [];
  return partOf(callee.toLowerCase()) && callee.toLowerCase();
}

const special: Readonly<Record<string, string | undefined>> = {
  IDENTITY_HTTP_URL: "identity:http",
  SURFACES_URL: "surfaces",
  AUTH_JWKS_URL: "identity:http",
  AUTH_REVOCATIONS_URL: "identity:http",
  AUTH_TOKEN_URL: "identity:http",
  PROVIDER_URL: "card-provider",
  CARRIER_URL: "carrier",
  SMTP_URL: "notifier:mailbox",
  WEBHOOK_URL: "gateway",
  DATABASE_URL: undefined,
  TEMPORAL_ADDRESS: undefined,
  PUBLIC_URL: undefined,
  ISSUER_URL: undefined,
  RESET_URL: undefined,
};
