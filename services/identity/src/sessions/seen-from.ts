import { networkOf } from "@sagacart/chassis/client/network";
import { callContext } from "@sagacart/chassis/context";
import type { SeenFrom } from "./session-store.ts";

/** Returns where the gateway's caller calls from, to show people their sessions: the network, not the address. */
export function seenFrom(): SeenFrom {
  const { clientAddress = "", userAgent = "" } = callContext() ?? {};
  return { userAgent, network: clientAddress === "" ? "" : networkOf(clientAddress) };
}
