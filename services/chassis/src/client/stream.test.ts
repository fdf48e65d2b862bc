import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { errorInfo } from "../errors.ts";
import { EchoService } from "../testing/echo-service.ts";
import { createProxy } from "../testing/proxy.ts";
import { createServiceClient, openChannel } from "./client.ts";

test("a stream to an unreachable server fails, and does not look like an empty one", async () => {
  await using wire = await createProxy({ host: "127.0.0.1", port: 1 });
  await wire.cut();
  using channel = openChannel(`127.0.0.1:${wire.port}`);
  const echo = createServiceClient(EchoService, channel);
  for (const stream of [echo.watch({ text: "a" }), echo.chat((async function* () {})())]) {
    const next = stream[Symbol.asyncIterator]().next();
    expect(errorInfo(await next.catch((error) => error)).code).toBe(Code.Unavailable);
  }
});
