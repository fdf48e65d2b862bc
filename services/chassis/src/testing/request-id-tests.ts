import { type DescMethodUnary, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type ConnectRouter, createConnectRouter, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessRule } from "../auth/access.ts";
import { errorInfo } from "../errors.ts";
import { isUnary } from "../rpc/method-kind.ts";
import { inMemory } from "./in-memory.ts";
import { startIssuer, type TestIssuer } from "./issuer.ts";

/** A request for things that were made for it, without its request id. */
export type RequestIdCase = {
  readonly request: JsonObject;
  /** Another valid value for each field that says what to do. Fields that it leaves alone may be changed with it. */
  readonly others: Readonly<Record<string, JsonObject>>;
  /** The fields that only say how to answer. */
  readonly answers?: readonly string[];
  /** The field that names the customer; for a program that is who calls, and another customer's request ids are others. */
  readonly customer?: string;
  /** The reasons for which another value is refused where REQUEST_ID_REUSED would tell of what is not the caller's. */
  readonly reasons?: Readonly<Record<string, string>>;
};

/** A service, and a valid request for each of its methods with a request id. */
export type RequestIdTest = AsyncDisposable & {
  routes(router: ConnectRouter): void;
  readonly domain: string;
  readonly cases: Readonly<Record<string, () => Promise<RequestIdCase>>>;
};

type Caller = { readonly transport: Transport; readonly headers: Record<string, string> };

/**
 * Defines tests that a request id acts once: used again with any other content it is refused, whoever calls, and the first
 * request still has its first answer. Derived from the service's descriptors: a new method with a request id, and a new field
 * of one, fails here until it has a case.
 */
export function testRequestIds(start: () => Promise<RequestIdTest>): void {
  const cleanup = new AsyncDisposableStack();
  let issuer: TestIssuer;
  let service: RequestIdTest;

  beforeAll(async () => {
    issuer = cleanup.use(await startIssuer());
    service = cleanup.use(await start());
  });
  afterAll(() => cleanup.disposeAsync());

  function withRequestId(): DescMethodUnary[] {
    const router = createConnectRouter();
    service.routes(router);
    return router.handlers
      .map(({ method }) => method)
      .filter(isUnary)
      .filter(hasRequestId);
  }

  function methodOf(name: string): DescMethodUnary {
    const method = withRequestId().find((method) => method.name === name);
    if (method === undefined) {
      throw new Error(`no method ${name} with a request id`);
    }
    return method;
  }

  async function as(subject: string, role: "operator" | "service"): Promise<Caller> {
    const transport = inMemory(service.routes, service.domain, issuer.verifier());
    return { transport, headers: { authorization: await issuer.bearer(subject, [role]) } };
  }

  test("each method with a request id has a case with all of its fields", { timeout: 900_000 }, async () => {
    const methods = withRequestId();
    expect(Object.keys(service.cases).sort()).toEqual(methods.map(({ name }) => name).sort());
    for (const { name, input } of methods) {
      const { others, answers = [] } = (await service.cases[name]?.()) ?? { others: {} };
      const fields = input.fields.map(({ jsonName }) => jsonName).filter((field) => field !== "requestId");
      expect([...Object.keys(others), ...answers].sort(), name).toEqual(fields.sort());
    }
  });

  test.each([
    ["a caller without a token", async () => ({ transport: inMemory(service.routes, service.domain), headers: {} })],
    ["an operator", async () => await as("root", "operator")],
    ["a program", async () => await as("service:surfaces", "service")],
  ] as const)(
    "the request id of %s acts once, whatever else is sent with it",
    { timeout: 900_000 },
    async (who, make) => {
      const caller = await make();
      const acts: string[] = [];
      for (const [name, makeCase] of Object.entries(service.cases)) {
        const method = methodOf(name);
        const { anyone, roles } = accessRule(method);
        const mayCall = anyone || who.startsWith("a caller") || roles.some((role) => who.includes(role));
        const isProgram = who !== "an operator";
        for (const field of mayCall || who === "a program" ? Object.keys((await makeCase()).others) : []) {
          const { request, others, customer, reasons } = await makeCase();
          if (field === customer && isProgram) {
            continue;
          }
          const requestId = crypto.randomUUID();
          const first = await call(caller, method, { ...request, requestId });
          if (first === "ROLE_REQUIRED" || first === "SERVICE_NOT_ALLOWED" || first === "PEOPLE_ONLY") {
            continue;
          }
          expect(first, `${name} as ${who}`).toBeTypeOf("object");
          const second = await call(caller, method, { ...request, ...others[field], requestId });
          const again = await call(caller, method, { ...request, requestId });
          if (second !== "REQUEST_ID_REUSED" && second !== reasons?.[field]) {
            acts.push(`${name} with another ${field}: ${JSON.stringify(second)}`);
          }
          expect(again, `${name}, repeated after another ${field}`).toEqual(first);
        }
      }
      expect(acts).toEqual([]);
    },
  );
}

/** Calls a method, and returns its answer or the reason of its refusal. */
async function call({ transport, headers }: Caller, method: DescMethodUnary, json: JsonObject) {
  const request = fromJson(method.input, json);
  return await transport.unary(method, undefined, 30_000, headers, request).then(
    ({ message }) => withoutAttached(toJson(method.output, message)),
    (error: unknown) => errorInfo(error).reason,
  );
}

/** Checkouts say whether there was an order already. */
function withoutAttached(answer: JsonValue): JsonValue {
  return Object.fromEntries(Object.entries(answer ?? {}).filter(([name]) => name !== "attached"));
}

function hasRequestId({ input }: DescMethodUnary): boolean {
  return input.fields.some(({ name }) => name === "request_id");
}
