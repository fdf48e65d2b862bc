import { Agent } from "undici";
import { createConnector } from "../tls/connector.ts";

type Dispatcher = NonNullable<RequestInit["dispatcher"]>;

let agent: Dispatcher | undefined;

/** Returns the agent for requests to hosts inside of the cluster. */
export function insideAgent(): Dispatcher {
  // Node's fetch takes agents of the package whose copy it has, but for differences in the types.
  agent ??= new Agent({ connect: createConnector() }) as unknown as Dispatcher;
  return agent;
}
