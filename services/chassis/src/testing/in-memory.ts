import { type ConnectRouter, createRouterTransport, type Transport } from "@connectrpc/connect";
import { requireAccessRules } from "../auth/access.ts";
import type { Verifier } from "../auth/verify.ts";
import { serverInterceptors } from "../rpc/interceptors/all.ts";
import { silentLog } from "./log.ts";

/**
 * A transport that calls the services without a port. Requests and responses pass the same interceptors as on the
 * wire. Callers need no token, unless there is a verifier.
 */
export function inMemory(routes: (router: ConnectRouter) => void, domain: string, verifier?: Verifier): Transport {
  return createRouterTransport(
    (router) => {
      routes(router);
      if (verifier !== undefined) {
        requireAccessRules(router.handlers.map(({ service }) => service));
      }
    },
    { router: { interceptors: serverInterceptors({ domain, log: silentLog, verifier }) } },
  );
}
