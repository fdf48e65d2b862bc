import { type Attack, again, createTally, openSession } from "../attack.ts";

/** Calls by gRPC of methods that there are not: each must be answered with a status, and its stream must end. */
export const unknownRpcs: Attack = async (target, signal) => {
  const tally = createTally();
  const session = openSession(target);
  await again(50, signal, async () => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/sagacart.order.v1.SagaService/BatchBegin",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.alloc(5));
    await new Promise<void>((resolve) => {
      stream.on("response", (headers) => tally.count(`grpc-status ${headers["grpc-status"]}`));
      stream.on("error", () => {});
      stream.on("close", () => resolve());
      stream.resume();
    });
  });
  session.destroy();
  return tally.toString();
};
