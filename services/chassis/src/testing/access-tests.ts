import { create, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createConnectRouter, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessRule } from "../auth/access.ts";
import { roleNames } from "../auth/principal.ts";
import { errorInfo } from "../errors.ts";
import { isServerStreaming, isUnary } from "../rpc/method-kind.ts";
import { inMemory } from "./in-memory.ts";
import { startIssuer, type TestIssuer } from "./issuer.ts";

/** A service with resources of the customer `victim`. */
export type AccessTest = AsyncDisposable & {
  routes(router: ConnectRouter): void;
  readonly domain: string;
  /** The methods that get one resource by id: the id of the victim's, and the request for an id. */
  readonly things: Readonly<Record<string, { readonly id: string; readonly ask: (id: string) => Fields }>>;
  /** The methods that list resources: the request, and the number in a response. */
  readonly lists: Readonly<Record<string, { readonly ask: Fields; readonly count: (answer: never) => number }>>;
  /** The methods whose requests identify the resource by `customer_id` only. */
  readonly ofCaller: readonly string[];
};

type Fields = MessageInitShape<DescMethod["input"]>;

/**
 * Defines access tests for a service, derived from its descriptors. Each method that customers may call must be in one of
 * the lists, so a new method fails here until it is.
 */
export function testAccess(start: () => Promise<AccessTest>): void {
  const cleanup = new AsyncDisposableStack();
  let issuer: TestIssuer;
  let service: AccessTest;
  let transport: Transport;
  let methods: readonly DescMethod[];

  beforeAll(async () => {
    issuer = cleanup.use(await startIssuer());
    service = cleanup.use(await start());
    transport = inMemory(service.routes, service.domain, issuer.verifier());
    const router = createConnectRouter();
    service.routes(router);
    methods = router.handlers.map(({ method }) => method);
  });
  afterAll(() => cleanup.disposeAsync());

  const guarded = () => methods.filter((method) => !accessRule(method).anyone);
  const forCustomers = () => guarded().filter((method) => accessRule(method).roles.includes("customer"));
  const byName = (name: string) => {
    const found = methods.find((method) => method.name === name);
    if (found === undefined) {
      throw new Error(`the service has no method ${name}`);
    }
    return found;
  };
  const customer = (id: string) => issuer.bearer(id, ["customer"]);

  test("without a valid token, only methods for anyone can be called", async () => {
    const everyRole = [...roleNames];
    const tokens: [string, string | undefined][] = [
      ["TOKEN_MISSING", undefined],
      ["TOKEN_EXPIRED", await issuer.bearer("eve", everyRole, { expiresInS: -1 })],
      ["TOKEN_INVALID", await issuer.bearer("eve", everyRole, { forged: true })],
      ["TOKEN_INVALID", issuer.unsigned("eve", everyRole)],
      ["TOKEN_INVALID", await issuer.bearer("eve", everyRole, { audience: "elsewhere" })],
      ["TOKEN_INVALID", await issuer.bearer("eve", everyRole, { issuer: "http://elsewhere" })],
    ];
    for (const [reason, authorization] of tokens) {
      for (const method of guarded()) {
        expect(await refusal(transport, method, {}, authorization), method.toString()).toMatchObject({
          code: Code.Unauthenticated,
          reason,
        });
      }
    }
  });

  test("a caller without any of a method's roles is refused", async () => {
    for (const method of guarded()) {
      for (const role of people.filter((role) => !accessRule(method).roles.includes(role))) {
        const refused = await refusal(transport, method, {}, await issuer.bearer("eve", [role]));
        expect(refused, `${role} at ${method.toString()}`).toMatchObject({
          code: Code.PermissionDenied,
          reason: "ROLE_REQUIRED",
        });
      }
      expect(await refusal(transport, method, {}, await issuer.bearer("eve", []))).toMatchObject({
        reason: "ROLE_REQUIRED",
      });
    }
  });

  test("a program is refused unless the contract names it at this service", async () => {
    const host = service.domain.replace(/\.sagacart$/, "");
    for (const method of guarded()) {
      for (const name of programs.filter((name) => !mayCall(method, name, host))) {
        // The role of people beside it does not help.
        const token = await issuer.bearer(`service:${name}`, ["service", "operator"]);
        expect(await refusal(transport, method, {}, token), `${name} at ${method.toString()}`).toMatchObject({
          code: Code.PermissionDenied,
          reason: "SERVICE_NOT_ALLOWED",
          metadata: { service: name, host },
        });
      }
    }
  });

  test("each method that customers may call is in a list here", () => {
    const known = [...Object.keys(service.things), ...Object.keys(service.lists), ...service.ofCaller];
    expect(known.sort()).toEqual(
      forCustomers()
        .map(({ name }) => name)
        .sort(),
    );
  });

  test("no customer acts for another one", async () => {
    for (const method of forCustomers()) {
      expect(accessRule(method).customerField, `${method.toString()} has no customer_id`).toBeDefined();
      const refused = await refusal(transport, method, { customerId: "victim" }, await customer("mallory"));
      expect(refused, method.toString()).toMatchObject(
        accessRule(method).customerInPath
          ? { code: Code.NotFound, reason: "NOT_FOUND" }
          : { code: Code.PermissionDenied, reason: "NOT_YOURS" },
      );
    }
  });

  test("another customer's resource is refused like one that does not exist", async () => {
    for (const [name, { id, ask }] of Object.entries(service.things)) {
      const method = byName(name);
      const asMallory = async (asked: string) => {
        const refused = await refusal(transport, method, ask(asked), await customer("mallory"));
        return JSON.stringify(refused).replaceAll(asked, "ID");
      };
      const absent = "00000000-0000-7000-8000-000000000000";
      expect(await asMallory(id), name).toBe(await asMallory(absent));
      expect(JSON.parse(await asMallory(id)), name).toMatchObject({ code: Code.NotFound });
    }
  });

  test("customers find their own resources, and other roles find all", async () => {
    for (const [name, { id, ask }] of Object.entries(service.things)) {
      const isForOperators = accessRule(byName(name)).roles.includes("operator");
      const operators = isForOperators ? [await issuer.bearer("eve", ["operator"])] : [];
      for (const caller of [await customer("victim"), ...operators]) {
        const answered = await refusal(transport, byName(name), ask(id), caller);
        expect(answered?.code, `${name}: ${answered?.message}`).not.toBe(Code.NotFound);
        expect(answered?.code, name).not.toBe(Code.PermissionDenied);
      }
    }
  });

  test("a list has the customer's own resources only", async () => {
    for (const [name, { ask, count }] of Object.entries(service.lists)) {
      const counted = async (authorization: string) =>
        count((await call(transport, byName(name), ask, authorization)) as never);
      expect(await counted(await customer("victim")), name).toBeGreaterThan(0);
      expect(await counted(await customer("mallory")), name).toBe(0);
    }
  });
}

const people = roleNames.filter((role) => role !== "service");
const programs = ["order", "stock", "payment", "shipping", "notifier", "identity", "gateway", "surfaces", "worker", ""];

function mayCall(method: DescMethod, name: string, host: string): boolean {
  const at = accessRule(method).services.get(name);
  return at !== undefined && (at.size === 0 || at.has(host));
}

async function refusal(transport: Transport, method: DescMethod, fields: Fields, authorization: string | undefined) {
  try {
    await call(transport, method, fields, authorization);
    return undefined;
  } catch (error) {
    const { code, reason, message, metadata } = errorInfo(ConnectError.from(error));
    return { code, reason, message, metadata };
  }
}

/** Returns the response, or the first one of a stream. */
async function call(
  transport: Transport,
  method: DescMethod,
  fields: Fields,
  authorization: string | undefined,
): Promise<Message> {
  const header = authorization === undefined ? {} : { authorization };
  const message = create(method.input, fields);
  if (isUnary(method)) {
    return (await transport.unary(method, undefined, 10_000, header, message)).message;
  }
  if (!isServerStreaming(method)) {
    throw new Error(`${method.toString()} takes a stream, which no test here makes`);
  }
  const leaving = new AbortController();
  const answer = await transport.stream(method, leaving.signal, 10_000, header, once(message));
  try {
    for await (const first of answer.message) {
      return first;
    }
  } finally {
    leaving.abort();
  }
  throw new Error(`${method.toString()} answered nothing`);
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
