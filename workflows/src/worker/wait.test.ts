import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { addressOf, waitForAll } from "./wait.ts";

test.each([
  ["127.0.0.1:8081", { host: "127.0.0.1", port: 8081 }],
  ["dns:///sagacart-order:8081", { host: "sagacart-order", port: 8081 }],
  ["one:1,two:2", { host: "one", port: 1 }],
  ["http://sagacart-identity:8096/oidc/token", { host: "sagacart-identity", port: 8096 }],
  ["https://login.example/token", { host: "login.example", port: 443 }],
])("%s is %o", (value, address) => {
  expect(addressOf(value)).toEqual(address);
});

test("a worker waits for a service that starts later", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  server.close();
  await once(server, "close");

  const said: string[] = [];
  // Starts to listen once it was missed.
  const say = (line: string) => {
    said.push(line);
    server.listen(port, "127.0.0.1");
  };
  await waitForAll([{ host: "127.0.0.1", port }], { limitMs: 60_000, say });
  server.close();
  expect(said).toEqual([`waiting for 127.0.0.1:${port}`]);
});

test("a service that never starts is named in the error", async () => {
  await expect(waitForAll([{ host: "127.0.0.1", port: 1 }], { limitMs: 1, say: () => undefined })).rejects.toThrow(
    "127.0.0.1:1 accepted no connection within 1 ms",
  );
});
