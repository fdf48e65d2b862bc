import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DescService, getOption } from "@bufbuild/protobuf";
import { access } from "@sagacart/proto/auth/v1/access";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { cloneFolder } from "./clone.ts";
import {
  calleesOf,
  databaseNames,
  deployedNames,
  type PartName,
  partNames,
  partOf,
  portOf,
  serviceClients,
  serviceNames,
  servicesCalledBy,
  tools,
} from "./shop.ts";

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
    // The pages are no process: the gateway serves them.
    [...known, ...shared.map((name) => `services/${name}`), "services/web"].toSorted(),
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

test.for(partNames)("the contract lets %s call the services of its edges, and no others", async (name) => {
  const named = new Set<string>();
  for (const { method, host, services } of await callersInContract()) {
    for (const service of services.filter((service) => service.name === name)) {
      for (const at of service.at.length > 0 ? service.at : [host]) named.add(at ?? method);
    }
  }
  const edges = servicesCalledBy(name);
  // It passes on the requests of people, with their tokens, to other services, too.
  const passesOn = partOf(name).kind === "http";
  // Order calls only what anyone may call there.
  const withoutToken = name === "order" ? ["stock"] : [];
  expect([...named].filter((at) => !serviceNames.some((service) => service === at))).toEqual([]);
  expect(edges).toEqual(expect.arrayContaining([...named]));
  expect(passesOn ? [] : edges.filter((edge) => !named.has(edge)).toSorted()).toEqual(withoutToken);
});

test("the contract lets the audit call what records its verdicts, and no others", async () => {
  const methods = (await callersInContract()).filter(({ services }) => services.some(({ name }) => name === "audit"));
  expect(methods.map(({ method }) => method).toSorted()).toEqual(
    ["BeginAudit", "EndAudit", "GetAudit"].map((name) => `sagacart.order.v1.AuditService/${name}`),
  );
  expect(tools.audit.calls).toEqual(["order", "identity:http"]);
});

test("the contract names only programs of this table, and says where if several services have the method", async () => {
  const wrong = (await callersInContract()).flatMap(({ method, host, services }) =>
    services
      .filter(
        ({ name, at }) =>
          !serviceClients.some((client) => client === name) || (host === undefined) === (at.length === 0),
      )
      .map(({ name, at }) => `${method}: ${name} at ${at.join(", ")}`),
  );
  expect(wrong).toEqual([]);
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

/** Returns the methods of the contract, with the programs that it names. `host` is undefined if several services have it. */
async function callersInContract() {
  const folder = join(cloneFolder, "proto/gen/sagacart");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith("_service_pb.ts"),
  );
  const modules: object[] = await Promise.all(files.map((file) => import(join(folder, file))));
  const services = modules.flatMap((module) => Object.values(module)).filter(isService);
  expect(services.length).toBeGreaterThan(15);
  return services.flatMap(({ typeName, methods }) => {
    const [, folder] = typeName.split(".");
    const host = serviceNames.find((service) => service === folder);
    return methods.map((method) => ({
      method: `${typeName}/${method.name}`,
      host,
      services: getOption(method, access).services,
    }));
  });
}

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

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
  PASSWORD_BREACH_URL: undefined,
  PROVIDER_URL: "card-provider",
  CARRIER_URL: "carrier",
  SMTP_URL: "notifier:mailbox",
  WEBHOOK_URL: "gateway",
  DATABASE_URL: undefined,
  TEMPORAL_ADDRESS: undefined,
  TEMPORAL_UI_URL: undefined,
  SECURITY_LOG_URL: undefined,
  LAUNCHER_ADDRESS: undefined,
  TRACE_UI_URL: undefined,
  TRACES_URL: undefined,
  PUBLIC_URL: undefined,
  ISSUER_URL: undefined,
  RESET_URL: undefined,
  EMAIL_CONFIRM_URL: undefined,
  EMAIL_UNDO_URL: undefined,
};
