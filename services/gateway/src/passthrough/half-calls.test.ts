import { connect } from "node:http2";
import { publicConnections } from "@sagacart/chassis/connections/limits";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";

const cleanup = new AsyncDisposableStack();
let gateway: TestGateway;

beforeAll(async () => {
  const standIn = cleanup.use(await startStandIn());
  const connectionLimits = { ...publicConnections, requestTimeoutMs: 300 };
  gateway = cleanup.use(await startTestGateway(standIn.address, { connectionLimits }));
});
afterAll(() => cleanup.disposeAsync());

const { listProducts } = ProductService.method;
const path = `/${listProducts.parent.typeName}/${listProducts.name}`;

// Connect writes what goes wrong while it answers to the standard error output, past the log.
test.each([
  ["gRPC", "application/grpc"],
  ["gRPC-Web", "application/grpc-web+proto"],
  ["Connect in protobuf", "application/proto"],
  ["Connect in JSON", "application/json"],
  ["a stream of Connect", "application/connect+proto"],
])(
  "fifty half calls by %s are answered when their time is over, and nothing is written past the log",
  async (_, type) => {
    using written = vi.spyOn(console, "error").mockReturnValue(undefined);
    const session = connect(`http://127.0.0.1:${gateway.port}`);
    const ends = Array.from({ length: 50 }, async () => {
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": type, te: "trailers" });
      stream.on("error", () => {});
      stream.write("\0");
      return await new Promise((resolve) =>
        stream
          .on("response", resolve)
          .on("close", () => resolve(undefined))
          .resume(),
      );
    });

    await Promise.all(ends);
    await new Promise((resolve) => session.close(() => resolve(undefined)));

    expect(written.mock.calls).toEqual([]);
  },
);
