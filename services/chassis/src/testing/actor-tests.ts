import { getOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { type ConnectRouter, createConnectRouter, type Transport } from "@connectrpc/connect";
import { access } from "@sagacart/proto/auth/v1/access";
import { type Actor, Actor_Kind } from "@sagacart/proto/type/v1/actor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessRule } from "../auth/access.ts";
import type { RoleName } from "../auth/principal.ts";
import { inMemory } from "./in-memory.ts";
import { startIssuer, type TestIssuer } from "./issuer.ts";

/** The headers of a caller. */
export type As = { readonly headers: { readonly authorization: string } };

/** A service, and what its methods record about who called them. */
export type ActorTest = AsyncDisposable & {
  routes(router: ConnectRouter): void;
  readonly domain: string;
  /** The methods by which people change money, stock or an order's fate: calls one, and reads the actor it recorded. */
  byHand(transport: Transport, operator: As): Readonly<Record<string, (as: As) => Promise<Actor | undefined>>>;
  /** The methods by which a program passes on what a customer does, with the customer's id. */
  readonly passedOn?: Readonly<Record<string, string>>;
  /** The other methods with which the shop's people change something, with the reason why no actor is recorded. */
  readonly others: Readonly<Record<string, string>>;
};

/**
 * Defines tests that each method by which the shop's people change something records who did, derived from the service's
 * descriptors: a new method fails here until it is in one of the lists.
 */
export function testActors(start: () => Promise<ActorTest>): void {
  const cleanup = new AsyncDisposableStack();
  let issuer: TestIssuer;
  let service: ActorTest;
  let methods: ReturnType<ActorTest["byHand"]>;

  beforeAll(async () => {
    issuer = cleanup.use(await startIssuer());
    service = cleanup.use(await start());
    const transport = inMemory(service.routes, service.domain, issuer.verifier());
    methods = service.byHand(transport, await as("root", "operator"));
  });
  afterAll(() => cleanup.disposeAsync());

  async function as(subject: string, role: RoleName): Promise<As> {
    return { headers: { authorization: await issuer.bearer(subject, [role]) } };
  }

  /** The methods that change something and that the shop's people may call. */
  function changing() {
    const router = createConnectRouter();
    service.routes(router);
    return router.handlers
      .map(({ method }) => method)
      .filter((method) => method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS)
      .filter((method) => !accessRule(method).anyone && getOption(method, access).roles.length > 0)
      .filter((method) => accessRule(method).roles.some((role) => role === "operator" || role === "support"));
  }

  test("each method by which the shop's people change something is in a list here", () => {
    const names = changing().map(({ name }) => name);
    expect([...Object.keys(methods), ...Object.keys(service.others)].sort()).toEqual(names.sort());
  });

  test.each([
    ["operator", "grace", { kind: Actor_Kind.OPERATOR, id: "grace" }],
    ["support", "tom", { kind: Actor_Kind.OPERATOR, id: "tom" }],
  ] as const)("what the role %s does is recorded with who did it", async (role, subject, expected) => {
    for (const method of changing()) {
      const act = methods[method.name];
      if (act !== undefined && accessRule(method).roles.includes(role)) {
        expect(await act(await as(subject, role)), method.name).toMatchObject(expected);
      }
    }
  });

  test("what a program does is recorded with its name, or with the customer for whom it does it", async () => {
    for (const method of changing()) {
      for (const name of accessRule(method).services.keys()) {
        const id = `service:${name}`;
        const customerId = service.passedOn?.[method.name];
        const expected =
          customerId === undefined ? { kind: Actor_Kind.SYSTEM, id } : { kind: Actor_Kind.CUSTOMER, id: customerId };
        const recorded = await methods[method.name]?.(await as(id, "service"));
        expect(recorded ?? expected, method.name).toMatchObject(expected);
      }
    }
  });
}
