import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { accessRule } from "@sagacart/chassis/auth/access";
import { mostViolations } from "@sagacart/chassis/error-bounds";
import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isPublic } from "../passthrough/connect.ts";
import { publicServices } from "../services.ts";
import { startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { v1Bindings } from "../v1/v1.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let gateway: TestGateway;
let authorization: string;

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  const verifier = issuer.verifier();
  const standIn = cleanup.use(await startStandIn({ verifier }));
  gateway = cleanup.use(await startTestGateway(standIn.address, { verifier }));
  authorization = await issuer.bearer("operator-1", ["operator", "customer"]);
});
afterAll(() => cleanup.disposeAsync());

const mostAnswerBytes = 64 * 1024;

/** Bodies of about this size that are wrong in as many places as possible, and what JSON.parse makes much of. */
function hostile(schema: DescMessage, bytes: number): Readonly<Record<string, string>> {
  const list = schema.fields.find(({ fieldKind }) => fieldKind === "list");
  const nested = schema.fields.find(({ fieldKind }) => fieldKind === "message");
  const scalar = schema.fields.find(({ fieldKind }) => fieldKind === "scalar");
  const items = (item: string) => `[${`${item},`.repeat(Math.floor(bytes / (item.length + 1)) - 20)}${item}]`;
  const deep = `${"[".repeat(bytes / 2 - 100)}${"]".repeat(bytes / 2 - 100)}`;
  const at = (field: DescField | undefined, value: string) => `{${JSON.stringify(field?.jsonName ?? "none")}:${value}}`;
  const names = Array.from({ length: Math.floor(bytes / 12) - 20 }, (_, index) => `"k${index}":1`).join(",");
  return {
    "wrong items": at(list, items("1")),
    "empty objects": at(list, items("{}")),
    "empty lists": at(list, items("[]")),
    "a list for a text": at(scalar, items("1")),
    "a list for a message": at(nested, items("{}")),
    "unknown fields": `{${names}}`,
    "a long name": `{${JSON.stringify("n".repeat(bytes - 100))}:1}`,
    "the same name again and again": `{${'"a":1,'.repeat(bytes / 6 - 20)}"a":1}`,
    "a long text": at(scalar, JSON.stringify("x".repeat(bytes - 200))),
    "a long number": at(scalar, "9".repeat(bytes - 200)),
    "deep lists": at(scalar, deep),
    "deep objects": `${'{"a":'.repeat(bytes / 6 - 20)}1${"}".repeat(bytes / 6 - 20)}`,
    "no JSON": "[".repeat(bytes - 100),
  };
}

const signedInBytes = 1024 * 1024;
const anonymousBytes = 64 * 1024;

function violationsOf(text: string): number {
  const { violations } = JSON.parse(text) as { violations?: unknown[] };
  return violations?.length ?? 0;
}

async function post(url: string, method: string, body: string, contentType = "application/json") {
  const answer = await fetch(url, {
    method,
    body,
    headers: { "content-type": contentType, "idempotency-key": crypto.randomUUID(), authorization },
    signal: AbortSignal.timeout(60_000),
  });
  return { status: answer.status, text: await answer.text() };
}

const routes = v1Bindings.filter(({ verb }) => verb === "POST" || verb === "PUT" || verb === "PATCH");
const paths = routes.map((binding) => ({ binding, path: binding.template.replaceAll(/\{[^}]+\}/g, "x-1") }));
const methods = [...publicServices.keys()].flatMap((desc) => desc.methods.filter(isPublic));

test("the contract has dozens of routes with a body", () => {
  expect(routes.length).toBeGreaterThan(50);
});

describe.each([
  [
    "routes",
    () => paths.map(({ binding: { verb, method }, path }) => ({ name: `${verb} ${path}`, verb, method, path })),
  ],
  [
    "Connect",
    () =>
      methods.map((method) => ({
        name: method.toString(),
        verb: "POST",
        method,
        path: `/${method.parent.typeName}/${method.name}`,
      })),
  ],
] as const)("%s", (_, targets) => {
  test("a hostile body is refused with a small answer that names at most 20 violations", async () => {
    const failures: string[] = [];
    let sent = 0;
    let turn = 0;
    for (const { name, verb, method, path } of targets()) {
      // In turn, so that each kind comes to many targets.
      const bodies = Object.entries(hostile(method.input, anonymousBytes)).filter(
        (__, index) => index % 5 === turn % 5,
      );
      turn++;
      for (const [kind, body] of bodies) {
        const { status, text } = await post(`${gateway.url}${path}`, verb, body);
        sent++;
        const small = text.length <= mostAnswerBytes;
        // Connect ignores unknown fields, so that some are messages without any field.
        const fine =
          status < 500 && small && (status === 200 || !text.startsWith("{") || violationsOf(text) <= mostViolations);
        if (!fine) {
          failures.push(`${name}, ${kind}: ${status}, ${text.length} bytes, ${text.slice(0, 200)}`);
        }
      }
    }
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
  }, 600_000);
});

test("where nobody is signed in, more than 64 KiB is refused before it is read", async () => {
  const failures: string[] = [];
  const body = JSON.stringify({ none: "x".repeat(70 * 1024) });
  for (const { binding, path } of paths.filter(({ binding: { method } }) => accessRule(method).anyone)) {
    const { status } = await post(`${gateway.url}${path}`, binding.verb, body);
    if (status !== 413) {
      failures.push(`${binding.verb} ${path}: ${status}`);
    }
  }
  for (const method of methods.filter((each) => accessRule(each).anyone && each.methodKind === "unary")) {
    const { status, text } = await post(`${gateway.url}/${method.parent.typeName}/${method.name}`, "POST", body);
    if (status !== 429 || !text.includes("resource_exhausted")) {
      failures.push(`${method.toString()}: ${status} ${text.slice(0, 100)}`);
    }
  }
  expect(failures).toEqual([]);
});

test("a body behind a bad token is not read: the answer comes before its end", async () => {
  const half = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"lines":['));
    },
  });
  const answer = await fetch(`${gateway.url}/sagacart.order.v1.OrderService/Checkout`, {
    method: "POST",
    body: half,
    duplex: "half",
    headers: { "content-type": "application/json" },
  } as RequestInit);

  expect(answer.status).toBe(401);
});

/** CPU time, which a busy machine does not stretch, of this process in microseconds. */
async function cpuOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The least of some runs: what else the process does meanwhile comes on top. */
async function leastCpuOf(work: () => unknown, runs = 5): Promise<number> {
  const found: number[] = [];
  for (let run = 0; run < runs; run++) {
    found.push(await cpuOf(work));
  }
  return Math.min(...found);
}

describe("the budget of work", () => {
  const cart = v1Bindings.find(({ template, verb }) => template === "/v1/orders" && verb === "POST");
  const schema = cart?.method.input;
  test.each(Object.keys(schema === undefined ? {} : hostile(schema, signedInBytes)))(
    "a megabyte of %s costs no more than a few times sending and parsing it",
    async (kind) => {
      const body = hostile(schema!, signedInBytes)[kind]!;
      const harmless = JSON.stringify({ unknown: "x".repeat(signedInBytes - 100) });
      const url = `${gateway.url}/v1/orders`;
      await post(url, "POST", body);

      const parsing = await leastCpuOf(() => {
        try {
          JSON.parse(body);
        } catch {}
      });
      const sending = await leastCpuOf(() => post(url, "POST", harmless));
      const hostileCost = await leastCpuOf(() => post(url, "POST", body));
      expect(hostileCost).toBeLessThan(5 * sending + 10 * parsing);
    },
  );
});
