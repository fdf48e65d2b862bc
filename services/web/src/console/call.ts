import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";
import { useSession } from "../auth/use-session.tsx";

/** Calls a method of a service. */
export type Call = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
) => Promise<MessageShape<O>>;

/** Returns the function that calls the services, as the person who is signed in. */
export function useCall(): Call {
  return callBy(useTransport());
}

export function callBy(transport: Transport): Call {
  return (method, input) => callUnaryMethod(transport, method, input);
}

/** Returns true for operators. It decides which actions are offered; the services decide which are allowed. */
export function useIsOperator(): boolean {
  const { state } = useSession();
  return state.kind === "signed-in" && state.user.roles.includes("operator");
}
