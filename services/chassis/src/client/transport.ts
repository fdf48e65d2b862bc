import type { Transport } from "@connectrpc/connect";
import type { GrpcTransportOptions } from "./call.ts";
import { callStream } from "./stream.ts";
import { callUnary } from "./unary.ts";

/** Connect's Transport over grpc-js, which knows how to balance, to retry and to look up names again. */
export function createGrpcTransport(options: GrpcTransportOptions): Transport {
  return {
    unary: (method, signal, timeoutMs, header, input) =>
      callUnary(options, { method, signal, timeoutMs, header }, input),
    stream: (method, signal, timeoutMs, header, input) =>
      callStream(options, { method, signal, timeoutMs, header }, input),
  };
}
