import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";

/** Calls a method. Without the caller's own timeout, it is the message's `wait_at_most` plus a margin. */
export type UnaryCall = (message: Message, signal: AbortSignal, timeoutMs?: number) => Promise<Message>;

export function unaryCall(method: DescMethodUnary, transport: Transport): UnaryCall {
  const waits = method.input.fields.some(({ name }) => name === "wait_at_most");
  return async (message, signal, timeoutMs) => {
    const timeout = timeoutMs ?? (waits ? waitMsOf(message) : defaultTimeoutMs);
    const response = await transport.unary(method, signal, timeout, undefined, message);
    return response.message;
  };
}

const defaultTimeoutMs = 30_000;
const marginMs = 10_000;

function waitMsOf(message: Message): number {
  const wait = "waitAtMost" in message ? message.waitAtMost : undefined;
  return isDuration(wait) ? Math.max(0, Number(wait.seconds)) * 1000 + marginMs : defaultTimeoutMs;
}

function isDuration(value: unknown): value is { seconds: bigint } {
  return (
    typeof value === "object" && value !== null && "$typeName" in value && value.$typeName === DurationSchema.typeName
  );
}
