import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = await startStandIn();
  gateway = await startTestGateway(standIn.address);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

test.each(["card", "carrier"])("a webhook of %s is passed on unchanged, with its signature", async (provider) => {
  const body = Buffer.from([0x7b, 0x20, 0x0d, 0x0a, 0xff, 0x00, 0x7d]);
  const response = await fetch(`${gateway.url}/v1/provider-webhooks/${provider}`, {
    method: "POST",
    headers: { "content-type": "application/json", "sagacart-signature": "t=1,v1=ab" },
    body,
  });
  expect(response.status).toBe(200);
  expect(standIn.asked.at(-1)).toMatchObject({
    rpc: "ReceiveWebhook",
    request: { provider, body: body.toString("base64"), signature: "t=1,v1=ab" },
  });
});

test("a webhook that could not be stored is not acknowledged", async () => {
  const reasons = defineReasons({ BAD_SIGNATURE: Code.Unauthenticated, DATABASE_UNAVAILABLE: Code.Unavailable });
  for (const [reason, status] of [
    ["BAD_SIGNATURE", 401],
    ["DATABASE_UNAVAILABLE", 503],
  ] as const) {
    standIn.answer("ReceiveWebhook", () => {
      throw new DomainError(reasons, reason, "no");
    });
    expect((await gateway.send("POST /v1/provider-webhooks/card", { body: {} })).body).toMatchObject({
      status,
      reason,
    });
  }
});
