import { readdirSync } from "node:fs";
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  getOption,
} from "@bufbuild/protobuf";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { errorInfo } from "@sagacart/chassis/errors";
import { isServerStreaming, isUnary } from "@sagacart/chassis/rpc/method-kind";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { type Access, access, Role } from "@sagacart/proto/auth/v1/access";
import { ServerReflection } from "@sagacart/proto/grpc/reflection/v1/reflection";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployedNames, serviceClients, serviceNames } from "../scripts/shop.ts";
import type { Stack } from "../scripts/stack/stack.ts";
import { type Route, routesOf } from "./support/api-routes.ts";
import { startTestStack } from "./support/stack.ts";

// Calls every method of every service, over Connect and gRPC, and every route of the gateway, as every kind of person and
// with the token of every program. The decision is that of the contract's option (sagacart.auth.v1.access), which this test
// reads for itself. The methods are those that the servers list by reflection, so a new one is covered without a change.

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let stack: Stack;
/** The services, and the launcher of a laptop. */
const hosts = [...serviceNames, "launcher"] as const;
type Host = (typeof hosts)[number];
/** The methods that each of them serves. */
let served: Map<Host, DescMethod[]>;
/** The header `authorization` of each caller; undefined without. */
let callers: Record<string, string | undefined>;

type Decision =
  | "admitted"
  | "TOKEN_MISSING"
  | "TOKEN_EXPIRED"
  | "TOKEN_INVALID"
  | "ROLE_REQUIRED"
  | "SERVICE_NOT_ALLOWED";
const refusals: ReadonlySet<string> = new Set([
  ...["TOKEN_MISSING", "TOKEN_EXPIRED", "TOKEN_INVALID", "ROLE_REQUIRED", "SERVICE_NOT_ALLOWED", "PEOPLE_ONLY"],
  // A call that another service refuses to ours.
  "OWN_TOKEN_REFUSED",
]);

const roles: Readonly<Record<string, Role>> = {
  customer: Role.CUSTOMER,
  support: Role.SUPPORT,
  operator: Role.OPERATOR,
};
/** The programs of the shop, two that never call, and one that the shop does not have. */
const programs = [...new Set<string>([...serviceClients, ...serviceNames, "scripts"])];

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  const env = [...deployedNames, "worker", "launcher"].map((name) => [
    name,
    {
      AUTH_ISSUER: issuer.issuer,
      AUTH_JWKS_URL: issuer.jwksUrl.href,
      AUTH_TOKEN_URL: issuer.tokenUrl.href,
      SERVICE_CLIENT_SECRET: `${name}-secret`,
      // Every call here comes from one address.
      ...(name === "gateway" ? { WRITES_PER_MINUTE: "0", SIGN_INS_PER_MINUTE: "0" } : {}),
    },
  ]);
  stack = cleanup.use(await startTestStack({ env: Object.fromEntries(env) }));
  served = new Map(await Promise.all(hosts.map(async (name) => [name, await listMethods(name)] as const)));
  const bearer = issuer.bearer;
  callers = {
    anonymous: undefined,
    "a person without a role": await bearer("nora", []),
    customer: await bearer("ada", ["customer"]),
    support: await bearer("sam", ["support"]),
    operator: await bearer("olga", ["operator"]),
    "a person who calls herself a service": await bearer("service:worker", ["operator"]),
    "expired operator": await bearer("olga", ["operator"], { expiresInS: -60 }),
    "operator of a foreign audience": await bearer("olga", ["operator"], { audience: "elsewhere" }),
    "forged operator": await bearer("olga", ["operator"], { forged: true }),
    "operator of another issuer": await bearer("olga", ["operator"], { issuer: "https://elsewhere.example" }),
    "unsigned worker": issuer.unsigned("service:worker", ["service"]),
    "expired worker": await bearer("service:worker", ["service"], { expiresInS: -60 }),
    "worker of a foreign audience": await bearer("service:worker", ["service"], { audience: "elsewhere" }),
    "a service without a name": await bearer("worker", ["service"]),
  };
  for (const name of programs) {
    callers[`service ${name}`] = await bearer(`service:${name}`, ["service"]);
  }
  callers["service notifier with people's roles"] = await bearer("service:notifier", [
    "service",
    "operator",
    "customer",
  ]);
});
afterAll(() => cleanup.disposeAsync());

test("every method of the contract is served, and decided on", async () => {
  const all = await contract();
  const methods = new Set([...served.values()].flat());
  expect(methods.size).toBeGreaterThan(150);
  const missing = all.flatMap(({ methods: own }) => own).filter((method) => !methods.has(method));
  expect(missing.map(String)).toEqual([]);
  const undecided = [...methods].filter((method) => {
    const { anyone, roles: people, services } = getOption(method, access);
    return anyone === people.length + services.length > 0;
  });
  expect(undecided.map(String)).toEqual([]);
});

const wires: [string, (address: string) => Transport][] = [
  ["gRPC", (address) => createGrpcTransport({ baseUrl: `http://${address}` })],
  ["Connect", (address) => createConnectTransport({ baseUrl: `http://${address}`, httpVersion: "2" })],
];

test.for(wires.flatMap(([wire, open]) => hosts.map((host) => [wire, host, open] as const)))(
  "over %s, each method of %s admits the callers that the contract names, and no others",
  async ([_wire, host, open]) => {
    const transport = open(stack.addresses[host] ?? "");
    const wrong: string[] = [];
    for (const method of served.get(host) ?? []) {
      await eachCaller(async (caller, authorization) => {
        const expected = decisionOn(getOption(method, access), caller, host);
        const found = await decisionOf(transport, method, authorization);
        if (found !== expected) {
          wrong.push(`${caller} at ${method.parent.typeName}/${method.name}: ${found}, not ${expected}`);
        }
      });
    }
    expect(wrong).toEqual([]);
  },
);

test.for(wires)("over %s, no customer acts for another one", async ([, open]) => {
  const wrong: string[] = [];
  for (const host of serviceNames) {
    const transport = open(stack.addresses[host] ?? "");
    for (const method of served.get(host) ?? []) {
      const { anyone, roles: people } = getOption(method, access);
      const names = method.input.fields.some(({ name }) => name === "customer_id");
      if (!anyone && people.includes(Role.CUSTOMER) && names) {
        const found = await reasonOf(transport, method, callers.customer, { customerId: "bob" });
        if (found !== "NOT_YOURS" && found !== "NOT_FOUND") {
          wrong.push(`${method.parent.typeName}/${method.name}: ${found}`);
        }
      }
    }
  }
  expect(wrong).toEqual([]);
});

test.for(wires)("over %s, the gateway serves people what is public, and programs nothing", async ([, open]) => {
  const transport = open(stack.addresses.gateway ?? "");
  const publicRpcs = await publicMethods();
  expect(publicRpcs.size).toBeGreaterThan(100);
  const wrong: string[] = [];
  for (const method of new Set([...served.values()].flat())) {
    const name = `${method.parent.typeName}/${method.name}`;
    await eachCaller(async (caller, authorization) => {
      const found = await decisionOf(transport, method, authorization);
      const expected = publicRpcs.has(name) ? atGateway(getOption(method, access), caller) : "unimplemented";
      if (found !== expected) {
        wrong.push(`${caller} at ${name}: ${found}, not ${expected}`);
      }
    });
  }
  expect(wrong).toEqual([]);
});

test("each REST route of the gateway admits the people that the contract names, and no program", async () => {
  const routes = await routesAt("/openapi.json");
  const methods = new Map(
    [...served.values()].flat().map((method) => [`${method.parent.typeName}/${method.name}`, method]),
  );
  const wrong: string[] = [];
  for (const { route, rpc } of routes) {
    const method = methods.get(rpc);
    await eachCaller(async (caller, authorization) => {
      const found = await routeDecision(route, authorization);
      const expected =
        method === undefined
          ? // Signed by the provider, for which no caller needs a token.
            openTo(route.isOpen, caller)
          : atGateway(getOption(method, access), caller);
      if (found !== expected) {
        wrong.push(`${caller} at ${route.name}: ${found}, not ${expected}`);
      }
    });
  }
  expect(wrong).toEqual([]);
});

test("no program is admitted to any other path of the gateway, whether anyone may call it or not", async () => {
  const documents = ["/openapi/wdm.json", "/openapi/wippy.json", "/openapi/dapr.json", "/openapi/shop.json"];
  const routes = (await Promise.all(documents.map(routesAt))).flat().map(({ route }) => route);
  expect(routes.length).toBeGreaterThan(50);
  const others = [
    "/",
    "/docs",
    "/openapi.json",
    "/health",
    "/oidc/jwks",
    "/oidc/userinfo",
    "/.well-known/openid-configuration",
  ];
  const wrong: string[] = [];
  for (const { method, path } of [...routes, ...others.map((path) => ({ method: "GET", path }))]) {
    await eachCaller(async (caller, authorization) => {
      const found = kindOf(caller) === "program" ? await restReason(method, path, authorization) : "PEOPLE_ONLY";
      if (found !== "PEOPLE_ONLY") {
        wrong.push(`${caller} at ${method} ${path}: ${found}`);
      }
    });
  }
  expect(wrong).toEqual([]);
});

test("programs get no token at the gateway, with their real secrets", async () => {
  for (const name of serviceClients) {
    const { SERVICE_CLIENT_ID: id, SERVICE_CLIENT_SECRET: secret } = stack.tokenEnv(name);
    const ask = async (address: string | undefined) => {
      const answer = await fetch(`http://${address}/oidc/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      });
      return answer.status;
    };
    expect([name, await ask(stack.addresses.gateway)]).toEqual([name, 401]);
    // The secret is right: it opens identity's own port, which only programs reach.
    expect([name, await ask(stack.addresses["identity-http"])]).toEqual([name, 200]);
  }
});

/** Runs as all callers at once. */
async function eachCaller(run: (caller: string, authorization: string | undefined) => Promise<void>): Promise<void> {
  await Promise.all(Object.entries(callers).map(([caller, authorization]) => run(caller, authorization)));
}

function kindOf(caller: string): "program" | "person" | "bad" {
  if (/^(expired|unsigned|forged) | of (a foreign|another) | calls herself /.test(caller)) {
    return "bad";
  }
  return /^(service |a service )/.test(caller) ? "program" : "person";
}

/** The decision of the contract on a caller at a service. */
function decisionOn({ anyone, roles: people, services }: Access, caller: string, host: string): Decision {
  if (anyone) {
    return "admitted";
  }
  switch (kindOf(caller)) {
    case "bad":
      return caller.startsWith("expired") ? "TOKEN_EXPIRED" : "TOKEN_INVALID";
    case "program": {
      const name = caller.split(" ")[1] ?? "";
      const named = services.find((service) => service.name === name && caller.startsWith("service "));
      return named !== undefined && (named.at.length === 0 || named.at.includes(host))
        ? "admitted"
        : "SERVICE_NOT_ALLOWED";
    }
    default: {
      if (caller === "anonymous") {
        return "TOKEN_MISSING";
      }
      const role = roles[caller];
      return role !== undefined && people.includes(role) ? "admitted" : "ROLE_REQUIRED";
    }
  }
}

function atGateway(rule: Access, caller: string): Decision | "PEOPLE_ONLY" {
  return kindOf(caller) === "program" ? "PEOPLE_ONLY" : decisionOn(rule, caller, "");
}

function openTo(isOpen: boolean, caller: string): string {
  expect(isOpen).toBe(true);
  return kindOf(caller) === "program" ? "PEOPLE_ONLY" : "admitted";
}

/**
 * Calls a method so that an admitted call does nothing: with a NUL character in a text, which is refused after the check of
 * the caller and before anything is done.
 */
async function decisionOf(
  transport: Transport,
  method: DescMethod,
  authorization: string | undefined,
): Promise<string> {
  const reason = await reasonOf(transport, method, authorization, withNul(method.input));
  return refusals.has(reason) || reason === "unimplemented" ? reason : "admitted";
}

/** Returns the reason of the error, "unimplemented" for a method that is not served, or "OK". */
async function reasonOf(
  transport: Transport,
  method: DescMethod,
  authorization: string | undefined,
  fields: Record<string, unknown>,
): Promise<string> {
  const header = { "guest-token": "a".repeat(43), ...(authorization === undefined ? {} : { authorization }) };
  const message = create(method.input, fields);
  try {
    if (isUnary(method)) {
      await transport.unary(method, undefined, 20_000, header, message);
    } else if (isServerStreaming(method)) {
      const leaving = new AbortController();
      const answer = await transport.stream(method, leaving.signal, 20_000, header, once(message));
      for await (const _ of answer.message) {
        break;
      }
      leaving.abort();
    } else {
      throw new Error(`${method.toString()} takes a stream, which no test here makes`);
    }
    return "OK";
  } catch (error) {
    const { code, reason } = errorInfo(ConnectError.from(error));
    return code === 12 && reason === "" ? "unimplemented" : reason;
  }
}

/** The fields of a request with a NUL character in one of its texts; none if it has no text. */
function withNul(message: DescMessage, depth = 0): Record<string, unknown> {
  // A customer's id is checked against the caller's first, and so comes last.
  const rank = ({ name }: DescField) => (name === "customer_id" ? 1 : 0);
  const fields = message.fields.filter(({ oneof }) => oneof === undefined).toSorted((a, b) => rank(a) - rank(b));
  for (const field of fields) {
    if (field.fieldKind === "scalar" && field.scalar === 9) {
      return { [field.localName]: "\0" };
    }
    if (field.fieldKind === "list" && field.listKind === "scalar" && field.scalar === 9) {
      return { [field.localName]: ["\0"] };
    }
  }
  for (const field of depth > 3 ? [] : fields) {
    const inner = field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message");
    const value = inner && field.message !== undefined ? withNul(field.message, depth + 1) : {};
    if (Object.keys(value).length > 0) {
      return { [field.localName]: field.fieldKind === "list" ? [value] : value };
    }
  }
  return {};
}

async function routeDecision(route: Route, authorization: string | undefined): Promise<string> {
  const reason = await restReason(route.method, route.path, authorization);
  return refusals.has(reason) ? reason : "admitted";
}

/** Sends a request to the gateway, for nothing that exists, and returns the reason of the problem; "" if there is none. */
async function restReason(method: string, path: string, authorization: string | undefined): Promise<string> {
  const leaving = new AbortController();
  const takesBody = method !== "GET" && method !== "DELETE" && method !== "HEAD";
  const url = `http://${stack.addresses.gateway}${path.replaceAll(/\{[^}]+\}/g, "none")}`;
  const response = await fetch(url, {
    method,
    headers: {
      "idempotency-key": crypto.randomUUID(),
      "guest-token": "a".repeat(43),
      ...(takesBody ? { "content-type": "application/json" } : {}),
      ...(authorization === undefined ? {} : { authorization }),
    },
    ...(takesBody ? { body: "{}" } : {}),
    signal: leaving.signal,
    redirect: "manual",
  });
  if (response.headers.get("content-type")?.startsWith("application/problem+json") === true) {
    return JSON.parse(await response.text()).reason;
  }
  leaving.abort();
  return "";
}

async function routesAt(document: string): Promise<{ route: Route; rpc: string }[]> {
  const response = await fetch(`http://${stack.addresses.gateway}${document}`);
  const read = JSON.parse(await response.text());
  return routesOf(read).map((route) => ({
    route,
    rpc: String(read.paths[route.path][route.method.toLowerCase()]["x-rpc"] ?? ""),
  }));
}

/** The methods behind the routes of the gateway's document, as `package.Service/Method`. */
async function publicMethods(): Promise<Set<string>> {
  const all = new Map(
    [...served.values()].flat().map((method) => [`${method.parent.typeName}/${method.name}`, method]),
  );
  const found = (await routesAt("/openapi.json")).flatMap(({ rpc }) => {
    // An export gathers the personal data of several services, and is for REST alone.
    return all.get(rpc)?.parent.name === "PersonalDataService" || !all.has(rpc) ? [] : [rpc];
  });
  return new Set(found);
}

async function listMethods(host: Host): Promise<DescMethod[]> {
  const transport = createGrpcTransport({ baseUrl: `http://${stack.addresses[host]}` });
  const request = { messageRequest: { case: "listServices" as const, value: "" } };
  const names = new Set<string>();
  for await (const { messageResponse } of createClient(ServerReflection, transport).serverReflectionInfo(
    once(request),
  )) {
    if (messageResponse.case === "listServicesResponse") {
      for (const { name } of messageResponse.value.service) names.add(name);
    }
  }
  const all = await contract();
  return all.filter(({ typeName }) => names.has(typeName)).flatMap(({ methods }) => methods);
}

/** All services of the generated contract. */
async function contract(): Promise<DescService[]> {
  const generated = new URL("../proto/gen/sagacart/", import.meta.url);
  const files = readdirSync(generated, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith("_service_pb.ts"),
  );
  const modules: object[] = await Promise.all(files.map((file) => import(new URL(file, generated).href)));
  return modules.flatMap((module) => Object.values(module)).filter(isService);
}

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
