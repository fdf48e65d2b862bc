import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import pg from "pg";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { startIssuer, type TestIssuer } from "../testing/issuer.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";
import type { Principal } from "./principal.ts";
import { authError } from "./reasons.ts";
import { createSecurityLog } from "./security-log.ts";

let issuer: TestIssuer;
let server: TestServer;
const metrics = new Registry();
const texts: string[] = [];
const security = createSecurityLog({ service: "echo", metrics, destination: { write: (line) => texts.push(line) } });
const cleanup = new AsyncDisposableStack();

const address = "198.51.100.7";
const planted = ["ada@example.com", "correct horse battery", "pa55-w0rd-pa55-w0rd", "refresh_token_refresh_token"];
/** The password of a user with a second factor. */
const firstOfTwo = "the first of two factors";
const [email = "", reason = "", password = "", refreshToken = ""] = planted;

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  server = cleanup.use(
    await startEcho(
      {},
      {
        verifier: issuer.verifier(),
        security,
        routes(router) {
          router.service(IdentityService, {
            signIn(request) {
              if (request.password === password) {
                throw new ConnectError(`no user ${request.username}`, Code.Unauthenticated);
              }
              if (request.password === firstOfTwo) {
                return { secondFactor: { signInToken: refreshToken, userId: "u-3" } };
              }
              return { user: { id: "u-1", email: request.username }, session: { refreshToken } };
            },
            setRoles: ({ id }) => ({ user: { id, email } }),
            getUser: ({ id }) => ({ user: { id } }),
          });
          router.service(PaymentService, { refundPayment: ({ refundId }) => ({ refund: { id: refundId, reason } }) });
        },
      },
    ),
  );
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  // The first writes what was counted, the second forgets it.
  security.flush();
  security.flush();
  texts.length = 0;
});

const wires = {
  "over gRPC": () => {
    const channel = cleanup.use(openChannel(server.address));
    return {
      identity: createServiceClient(IdentityService, channel),
      payments: createServiceClient(PaymentService, channel),
    };
  },
  "over Connect": () => {
    const transport = createConnectTransport({ httpVersion: "2", baseUrl: `http://${server.address}` });
    return { identity: createClient(IdentityService, transport), payments: createClient(PaymentService, transport) };
  },
};

function logged(): unknown[] {
  return texts.map((text) => JSON.parse(text)).map(({ time: _, requestId: __, ...line }) => line);
}

const shape = { log: "security", service: "echo", outcome: "ok", reason: "", address, traceId: "" };

for (const [wire, connect] of Object.entries(wires)) {
  const call = async (authorization?: string) => ({
    headers: { "x-client-address": address, ...(authorization === undefined ? {} : { authorization }) },
  });

  test(`${wire}, sign-ins are logged, passed and failed, without address or password`, async () => {
    const { identity } = connect();
    await identity.signIn({ username: email, password: "another-pass" }, await call());
    await expect(identity.signIn({ username: email, password }, await call())).rejects.toThrow();

    const signIn = { ...shape, event: "session.started", actor: { kind: "anonymous", id: "" }, factor: "password" };
    expect(logged()).toEqual([
      { ...signIn, object: { kind: "user", id: "u-1" } },
      { ...signIn, object: { kind: "user", id: "" }, outcome: "refused", reason: "UNAUTHENTICATED", count: 1 },
    ]);
    expect(planted.filter((secret) => texts.join("").includes(secret))).toEqual([]);
  });

  test(`${wire}, a right password begins no session where a second factor is needed`, async () => {
    const { identity } = connect();
    await identity.signIn({ username: email, password: firstOfTwo }, await call());

    const object = { kind: "user", id: "u-3" };
    expect(logged()).toEqual([
      {
        ...{ ...shape, event: "session.second_factor_requested", factor: "password" },
        ...{ actor: { kind: "anonymous", id: "" }, object },
      },
    ]);
    expect(texts.join("")).not.toContain(refreshToken);
  });

  test(`${wire}, changed roles are logged with operator and user; a refused caller with method and reason`, async () => {
    const { identity } = connect();
    const change = { id: "u-2", roles: ["support"] };
    await identity.setRoles(change, await call(await issuer.bearer("op", ["operator"])));
    await expect(identity.setRoles(change, await call(await issuer.bearer("c", ["customer"])))).rejects.toThrow();
    const forged = await issuer.bearer("op", ["operator"], { forged: true });
    await expect(identity.setRoles(change, await call(forged))).rejects.toThrow();

    const method = { kind: "method", id: "sagacart.identity.v1.IdentityService/SetRoles" };
    const refused = { ...shape, event: "access.refused", outcome: "refused", object: method, count: 1 };
    expect(logged()).toEqual([
      { ...shape, event: "roles.changed", actor: { kind: "staff", id: "op" }, object: { kind: "user", id: "u-2" } },
      { ...refused, reason: "ROLE_REQUIRED", actor: { kind: "customer", id: "c" } },
      { ...refused, event: "token.refused", reason: "TOKEN_INVALID", actor: { kind: "anonymous", id: "" } },
    ]);
    const signature = forged.split(".").at(-1) ?? "";
    expect(texts.join("")).not.toContain(signature);
  });

  test(`${wire}, refunds by staff are logged, those of the saga are not, nor are reads`, async () => {
    const { payments, identity } = connect();
    const refund = { paymentId: "p-1", refundId: "r-1", amount: { currencyCode: "EUR", minorUnits: 5n }, reason };
    await payments.refundPayment(refund, await call(await issuer.bearer("service:worker", ["service"])));
    await identity.getUser({ id: "u-1" }, await call(await issuer.bearer("op", ["operator"])));
    expect(logged()).toEqual([]);

    await payments.refundPayment(refund, await call(await issuer.bearer("op", ["operator"])));
    expect(logged()).toMatchObject([{ event: "money.refunded", object: { kind: "payment", id: "p-1" } }]);
    expect(planted.filter((secret) => texts.join("").includes(secret))).toEqual([]);
  });
}

test("events are counted by name and outcome", async () => {
  const { identity } = wires["over gRPC"]();
  await expect(identity.setRoles({ id: "u-2", roles: [] })).rejects.toThrow();
  const counted = await metrics.metrics();
  expect(counted).toMatch(/security_events_total\{event="token.refused",outcome="refused"\} [1-9]/);
  // From zero: an alert on an increase sees the first one.
  expect(counted).toContain('security_events_total{event="money.refunded",outcome="failed"} 0');
  expect(counted).toContain('security_events_total{event="tls.refused",outcome="refused"} 0');
});

test.each<[string, () => unknown, "refused" | "failed", string]>([
  ["a domain error of the caller", () => authError("ROLE_REQUIRED", "no"), "refused", "ROLE_REQUIRED"],
  ["wrong fields", () => new ConnectError("no", Code.InvalidArgument), "refused", "INVALID_ARGUMENT"],
  ["what is not there", () => new ConnectError("no", Code.NotFound), "refused", "NOT_FOUND"],
  ["an outdated etag", () => new ConnectError("no", Code.Aborted), "refused", "ABORTED"],
  ["too many attempts", () => new ConnectError("no", Code.ResourceExhausted), "refused", "RESOURCE_EXHAUSTED"],
  ["an issuer that is away", () => authError("ISSUER_UNAVAILABLE", "no"), "failed", "ISSUER_UNAVAILABLE"],
  ["a service that is away", () => new ConnectError("no", Code.Unavailable), "failed", "UNAVAILABLE"],
  ["a deadline", () => new ConnectError("no", Code.DeadlineExceeded), "failed", "DEADLINE_EXCEEDED"],
  ["a caller who left", () => new DOMException("left", "AbortError"), "failed", "CANCELED"],
  ["a bug", () => new TypeError("undefined is not a function"), "failed", "INTERNAL"],
  ["a database that is away", () => pgError("57P01"), "failed", "DATABASE_UNAVAILABLE"],
  ["a deadlock", () => pgError("40P01"), "failed", "CONTENTION"],
])("%s is told apart: whether the caller was refused, or the call failed", (_, make, outcome, reason) => {
  const request = { id: "u-2", roles: ["support"] };
  security.called(IdentityService.method.setRoles, undefined, { request, error: make() });
  expect(logged()).toMatchObject([{ event: "roles.changed", outcome, reason, object: { kind: "user", id: "u-2" } }]);
});

/** An error as Postgres' driver throws it. */
function pgError(code: string): Error {
  return Object.assign(new pg.DatabaseError("no", 2, "error"), { code, severity: "ERROR" });
}

const operator: Principal = {
  ...{ kind: "person", issuer: "i", subject: "o-1", customerId: "o-1", roles: new Set(["operator"]), serviceName: "" },
  ...{ email: "", isEmailVerified: false },
};
const refusal = () => new ConnectError("no", Code.Unauthenticated);

test.each<[string, Principal | undefined, (() => unknown) | undefined, number[]]>([
  ["refused calls of anybody", undefined, refusal, [...Array(20).fill(1), 480]],
  ["failed calls of anybody", undefined, () => pgError("57P01"), [...Array(20).fill(1), 480]],
  ["refused calls of a customer", { ...operator, roles: new Set(["customer"]) }, refusal, [...Array(20).fill(1), 480]],
  ["refused calls of staff", operator, refusal, Array(500).fill(undefined)],
  ["calls that succeed", undefined, undefined, Array(500).fill(undefined)],
])("of five hundred %s, so many are lines, and the others are counted", (_, principal, error, counts) => {
  for (let count = 0; count < 500; count++) {
    security.called(IdentityService.method.changePassword, principal, { request: { userId: "me" }, error: error?.() });
  }
  security.flush();
  expect(texts.map((text) => JSON.parse(text).count)).toEqual(counts);
});

test("an issuer that cannot be asked is a control that failed, once a minute for all callers", () => {
  const unknown = authError("ISSUER_UNAVAILABLE", "the issuer's keys cannot be fetched; try again");
  for (let count = 0; count < 50; count++) {
    security.refused(IdentityService.method.setRoles, undefined, unknown);
  }
  const control = { event: "control.failed", outcome: "failed", reason: "ISSUER_UNAVAILABLE" };
  const line = { ...control, object: { kind: "control", id: "tokens" }, actor: { kind: "service", id: "echo" } };
  expect(logged()).toMatchObject([{ ...line, count: 1 }]);
  security.flush();
  expect(logged()).toMatchObject([
    { ...line, count: 1 },
    { ...line, count: 49 },
  ]);
});

test("a revoked or expired token is refused with the name of whom it was issued to, a forged one with nobody's", async () => {
  const { identity } = wires["over gRPC"]();
  const change = async (authorization: string) =>
    await expect(identity.setRoles({ id: "u-2", roles: [] }, { headers: { authorization } })).rejects.toThrow();
  await change(await issuer.bearer("late", ["operator"], { expiresInS: -60 }));
  await change(await issuer.bearer("victim", ["operator"], { forged: true }));

  expect(logged()).toMatchObject([
    { event: "token.refused", reason: "TOKEN_EXPIRED", actor: { kind: "staff", id: "late" } },
    { event: "token.refused", reason: "TOKEN_INVALID", actor: { kind: "anonymous", id: "" } },
  ]);
});
