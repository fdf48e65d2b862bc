import { request } from "node:http";
import fastify from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { refuseOtherMethods } from "./methods.ts";

const app = fastify();
let port: number;
beforeAll(async () => {
  const addRest = refuseOtherMethods(app);
  app.get("/things", async () => ({}));
  app.post("/things", async () => ({}));
  addRest();
  port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
});
afterAll(() => app.close());

/** Sends a request with a secret in a header, and returns the status and the whole answer. */
async function send(method: string, path: string): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const headers = { authorization: "Bearer a-secret" };
    const sent = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      let text = JSON.stringify(answer.headers);
      answer.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

test.each(["/things", "/nowhere"])("TRACE %s is not served, and repeats nothing of the request", async (path) => {
  const { status, text } = await send("TRACE", path);
  expect([404, 405]).toContain(status);
  expect(text).not.toContain("a-secret");
});

test("a method that a path does not have is 405 with those that it has", async () => {
  const { status, text } = await send("DELETE", "/things");
  expect(status).not.toBe(200);
  expect(text).toMatch(/GET, HEAD, POST|GET, POST/);
});
