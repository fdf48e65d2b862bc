import type { Transport } from "@connectrpc/connect";
import type { GrpcTransportOptions } from "./call.ts";
import { callStream } from "./stream.ts";
import { callUnary } from "./unary.ts";

/** Implements Connect's Transport on grpc-js, which has load balancing, retries and DNS look-ups. */
export function createGrpcTransport(options: GrpcTransportOptions): Transport {
  return {
    unary: (method, signal, timeoutMs, header, input) =>
      callUnary(options, { method, signal, timeoutMs, header }, input),
    stream: (method, signal, timeoutMs, header, input) =>
      callStream(options, { method, signal, timeoutMs, header }, input),
  };
}
