import { Code } from "@connectrpc/connect";
import { DomainError, defineReasons } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

let standIn: StandIn;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = await startStandIn();
  gateway = await startTestGateway(standIn.address);
  const link = { eventType: "sagacart.cart.expiring.v1", language: "en" };
  standIn.answer("GetUnsubscription", () => link);
  standIn.answer("Unsubscribe", () => link);
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const reasons = defineReasons({
  UNSUBSCRIBE_LINK_INVALID: Code.InvalidArgument,
  DATABASE_UNAVAILABLE: Code.Unavailable,
});

test("opening the link only asks, since programs open links too", async () => {
  const { status, headers, body } = await gateway.send("GET /unsubscribe?token=abc.def");
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(body).toContain("We will not send you mail about carts that you left any more.");
  expect(body).toContain('<form method="post"><button>Stop them</button></form>');
  expect(standIn.asked.at(-1)).toMatchObject({ rpc: "GetUnsubscription", request: { token: "abc.def" } });
});

test("the page has no script and no external resources, and does not leak the link", async () => {
  const { headers, body } = await gateway.send("GET /unsubscribe?token=%22%3E%3Cscript%3E");
  expect(headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'$/,
  );
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(headers.get("cache-control")).toBe("no-store");
  expect(body).not.toMatch(/<script|src=|href=/);
});

test("one click in a mail program unsubscribes, without a cookie or a page", async () => {
  const { status, body } = await gateway.send("POST /unsubscribe?token=abc.def", {
    body: "List-Unsubscribe=One-Click",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  expect(status).toBe(200);
  expect(body).toContain("We do not send you mail about carts that you left any more.");
  expect(standIn.asked.at(-1)).toMatchObject({ rpc: "Unsubscribe", request: { token: "abc.def" } });
});

test("a form of another type unsubscribes too, and an empty one", async () => {
  const form = new FormData();
  form.set("List-Unsubscribe", "One-Click");
  for (const body of [form, undefined]) {
    const response = await fetch(`${gateway.url}/unsubscribe?token=abc.def`, { method: "POST", ...(body && { body }) });
    expect(response.status).toBe(200);
    await response.text();
  }
});

test("a mail in German leads to a page in German", async () => {
  standIn.answer("GetUnsubscription", () => ({
    eventType: "sagacart.order.paid.v1",
    language: "de",
    unsubscribed: true,
  }));
  const { body } = await gateway.send("GET /unsubscribe?token=abc.def");
  expect(body).toContain('<html lang="de">');
  expect(body).toContain("Wir schicken Ihnen keine E-Mails mehr über eingegangene Zahlungen.");
});

test.each(["GET", "POST"])("%s with an unsigned token or none shows a page that explains it", async (method) => {
  const refuse = () => {
    throw new DomainError(reasons, "UNSUBSCRIBE_LINK_INVALID", "no");
  };
  standIn.answer("GetUnsubscription", refuse);
  standIn.answer("Unsubscribe", refuse);
  for (const path of ["/unsubscribe?token=x", "/unsubscribe", "/unsubscribe?token=a&token=b"]) {
    const { status, body } = await gateway.send(`${method} ${path}`);
    expect(status).toBe(400);
    expect(body).toContain("This link does not work");
  }
});

test("an internal failure does not look like success", async () => {
  standIn.answer("Unsubscribe", () => {
    throw new DomainError(reasons, "DATABASE_UNAVAILABLE", "no");
  });
  expect((await gateway.send("POST /unsubscribe?token=x")).status).toBe(503);
});
