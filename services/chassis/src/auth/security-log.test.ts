import { readFileSync } from "node:fs";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { startIssuer, type TestIssuer } from "../testing/issuer.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";
import { accessRule } from "./access.ts";
import { accessRefused, createSecurityLog, securityEventOf } from "./security-log.ts";

let issuer: TestIssuer;
let server: TestServer;
const metrics = new Registry();
const texts: string[] = [];
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
        security: createSecurityLog({ service: "echo", metrics, destination: { write: (line) => texts.push(line) } }),
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

    const actor = { kind: "anonymous", id: "" };
    expect(logged()).toEqual([
      { ...shape, event: "session.started", actor, object: { kind: "user", id: "u-1" } },
      {
        ...{ ...shape, event: "session.started", actor, object: { kind: "user", id: "" } },
        ...{ outcome: "refused", reason: "UNAUTHENTICATED" },
      },
    ]);
    expect(planted.filter((secret) => texts.join("").includes(secret))).toEqual([]);
  });

  test(`${wire}, a right password begins no session where a second factor is needed`, async () => {
    const { identity } = connect();
    await identity.signIn({ username: email, password: firstOfTwo }, await call());

    const object = { kind: "user", id: "u-3" };
    expect(logged()).toEqual([
      { ...shape, event: "session.second_factor_requested", actor: { kind: "anonymous", id: "" }, object },
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
    const refused = { ...shape, event: "access.refused", outcome: "refused", object: method };
    expect(logged()).toEqual([
      { ...shape, event: "roles.changed", actor: { kind: "staff", id: "op" }, object: { kind: "user", id: "u-2" } },
      { ...refused, reason: "ROLE_REQUIRED", actor: { kind: "customer", id: "c" } },
      { ...refused, reason: "TOKEN_INVALID", actor: { kind: "anonymous", id: "" } },
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
  expect(await metrics.metrics()).toMatch(/security_events_total\{event="access.refused",outcome="refused"\} \d+/);
});

/** The services of accounts, money, webhooks and personal data. */
const sensitive = [
  ...IdentityService.methods,
  ...AccountService.methods,
  ...PaymentService.methods,
  ...WebhookService.methods,
  ...PersonalDataService.methods,
  ...OrderService.methods.filter(({ name }) => name.startsWith("Refund")),
];

/** Methods of these services that people may call and that are no security events, each with the reason. */
const ordinary: Readonly<Record<string, string>> = {
  RefreshToken: "once per session and quarter of an hour; a refused one ends the session",
  CreateAddress: "an address of a customer, who sees it",
  UpdateAddress: "an address of a customer, who sees it",
  DeleteAddress: "an address of a customer, who sees it",
  TestWebhookEndpoint: "sends a test event to an endpoint that is known",
  ResendWebhookDelivery: "sends once more what was sent",
  ResendWebhookDeliveries: "sends once more what was sent",
  ChallengePasskey: "asks for a proof, which is given to another method",
  RenameFactor: "the name of a second factor, which its user sees",
  RequestEmailConfirmation: "mails once more what was mailed",
};

test("every method that changes accounts, money, webhooks or personal data is a security event", () => {
  const changing = sensitive.filter((method) => {
    const { anyone, roles } = accessRule(method);
    return (anyone || roles.length > 0) && method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  });
  const unmarked = changing.filter((method) => securityEventOf(method) === undefined).map(({ name }) => name);
  expect(unmarked.toSorted()).toEqual(Object.keys(ordinary).toSorted());
});

test("the documentation lists every event, and no other", () => {
  const page = readFileSync(new URL("../../../../docs/security/security-log.md", import.meta.url), "utf8");
  const listed = [...page.matchAll(/^\| `([a-z_.]+)` \|/gm)].map(([, name]) => name);
  const events = sensitive.flatMap((method) => {
    const { event, unfinished } = securityEventOf(method) ?? {};
    return [event ?? [], unfinished?.event ?? []].flat();
  });
  expect(listed.toSorted()).toEqual([...events, accessRefused].toSorted());
});
