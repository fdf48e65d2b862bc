import { Code } from "@connectrpc/connect";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { expect, test } from "vitest";
import { createServiceClient, openChannel, withTokens } from "../client/client.ts";
import { callContext, runWithContext } from "../context.ts";
import { errorInfo } from "../errors.ts";
import { startIssuer, type TestIssuer } from "../testing/issuer.ts";
import { silentLog } from "../testing/log.ts";
import { startEcho } from "../testing/test-server.ts";
import { callersToken } from "./callers-token.ts";
import { createServiceTokens } from "./service-tokens.ts";

function tokensOf({ tokenUrl }: TestIssuer, clientSecret = "worker-secret", more: { atStart?: boolean } = {}) {
  const log = silentLog;
  return createServiceTokens({ tokenUrl, clientId: "worker", clientSecret, audience: "sagacart", log, ...more });
}

/** For the first calls of a process, which a busy machine may take longer for than calls may last. */
const patient = { timeoutMs: 60_000 };

/** A payment service that answers who called it. */
function startAccounts(issuer: TestIssuer) {
  const seen = () => ({ nextPageToken: `${callContext()?.principal?.subject}` });
  return startEcho(
    {},
    { verifier: issuer.verifier(), routes: (router) => router.service(PaymentService, { listPayments: seen }) },
  );
}

test("calls carry a token that is fetched once", async () => {
  await using issuer = await startIssuer();
  await using server = await startAccounts(issuer);
  await using tokens = tokensOf(issuer);
  using channel = openChannel(server.address, { tokens });
  const accounts = createServiceClient(PaymentService, channel);

  const answers = await Promise.all(Array.from({ length: 20 }, () => accounts.listPayments({}, patient)));

  expect(new Set(answers.map(({ nextPageToken }) => nextPageToken))).toEqual(new Set(["service:worker"]));
  expect(issuer.asked.token).toBe(1);
});

test("the next token is fetched in the background before the current one expires", async () => {
  await using issuer = await startIssuer();
  issuer.tokenSeconds = 1;
  await using tokens = tokensOf(issuer);
  const first = await tokens.authorization();
  // No call is made meanwhile.
  await expect.poll(() => issuer.asked.token).toBeGreaterThan(1);
  await expect.poll(() => tokens.authorization()).not.toBe(first);
});

test("a token is fetched before the first call, even if the issuer starts late", async () => {
  await using issuer = await startIssuer();
  issuer.down = true;
  await using tokens = tokensOf(issuer, "worker-secret", { atStart: true });
  await expect.poll(() => issuer.refused).toBeGreaterThan(0);
  issuer.down = false;
  await expect.poll(() => issuer.asked.token).toBe(1);
  issuer.down = true;
  expect(await tokens.authorization()).toMatch(/^Bearer /);
});

test("while the issuer is down, the current token is used", async () => {
  await using issuer = await startIssuer();
  await using tokens = tokensOf(issuer);
  const first = await tokens.authorization();
  issuer.down = true;
  expect(tokens.authorization()).toBe(first);
});

test("calls wait for an issuer that starts late", async () => {
  await using issuer = await startIssuer();
  await using server = await startAccounts(issuer);
  await using tokens = tokensOf(issuer);
  using channel = openChannel(server.address, { tokens });
  issuer.down = true;
  const calling = createServiceClient(PaymentService, channel).listPayments({});
  // It must have been refused once before the issuer is there.
  await expect.poll(() => issuer.refused).toBeGreaterThan(0);
  issuer.down = false;
  expect((await calling).nextPageToken).toBe("service:worker");
});

test("a call that waits for a token ends at its deadline", async () => {
  await using issuer = await startIssuer();
  await using tokens = tokensOf(issuer, "wrong");
  using channel = openChannel("127.0.0.1:1", { tokens });
  const calling = createServiceClient(PaymentService, channel).listPayments({}, { timeoutMs: 50 });
  expect(errorInfo(await calling.catch((error) => error))).toMatchObject({ code: Code.DeadlineExceeded });
});

test("without a token from the issuer, calls and streams fail with UNAVAILABLE, and can be retried", async () => {
  await using issuer = await startIssuer();
  await using tokens = tokensOf(issuer, "wrong");
  using channel = openChannel("127.0.0.1:1", { tokens });
  const calls = [
    createServiceClient(PaymentService, channel).listPayments({}),
    createServiceClient(EventService, channel).subscribeEvents({})[Symbol.asyncIterator]().next(),
  ];
  for (const outcome of await Promise.allSettled(calls)) {
    const error = outcome.status === "rejected" ? errorInfo(outcome.reason) : outcome;
    expect(error).toMatchObject({ code: Code.Unavailable, reason: "ISSUER_UNAVAILABLE", domain: "auth.sagacart" });
  }
});

test("the refusal of our token is not reported as our caller's mistake", async () => {
  await using issuer = await startIssuer();
  await using stranger = await startIssuer();
  await using server = await startAccounts(stranger);
  await using tokens = tokensOf(issuer);
  using channel = openChannel(server.address, { tokens });
  const error = await createServiceClient(PaymentService, channel)
    .listPayments({}, { timeoutMs: 60_000 })
    .catch((error) => error);
  expect(errorInfo(error)).toMatchObject({ code: Code.Unavailable, reason: "OWN_TOKEN_REFUSED" });
});

test("a method that anyone may call gets no token, and the others of the same channel do", async () => {
  await using issuer = await startIssuer();
  const seen: (string | null)[] = [];
  const record = (_request: unknown, { requestHeader }: { requestHeader: Headers }) => {
    seen.push(requestHeader.get("authorization"));
    return {};
  };
  await using server = await startEcho(
    {},
    {
      verifier: issuer.verifier(),
      routes(router) {
        router.service(ProductService, { getProduct: record });
        router.service(PaymentService, { listPayments: record });
      },
    },
  );
  await using tokens = tokensOf(issuer);
  using channel = openChannel(server.address, { tokens });

  await createServiceClient(PaymentService, channel).listPayments({}, patient);
  await createServiceClient(ProductService, channel).getProduct({ id: "lamp" }, patient);

  expect(seen).toEqual([expect.stringMatching(/^Bearer /), null]);
});

test("a client that acts for its caller sends the caller's token, and never its own", async () => {
  await using issuer = await startIssuer();
  await using server = await startAccounts(issuer);
  await using tokens = tokensOf(issuer);
  using channel = openChannel(server.address, { tokens });
  const accounts = createServiceClient(PaymentService, withTokens(channel, callersToken));

  const authorization = await issuer.bearer("eve", ["operator"]);
  const forEve = await runWithContext({ requestId: "r", authorization }, () => accounts.listPayments({}));
  const forNobody = await runWithContext({ requestId: "r" }, () => accounts.listPayments({}).catch((error) => error));

  expect(forEve.nextPageToken).toBe("eve");
  expect(errorInfo(forNobody)).toMatchObject({ code: Code.Unauthenticated, reason: "TOKEN_MISSING" });
  expect(issuer.asked.token).toBe(0);
});
