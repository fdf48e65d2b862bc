import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import {
  type IdentityService,
  ReplaceSigningKeysRequestSchema,
  ReplaceSigningKeysResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import type { Keys } from "./keys.ts";

/** Creates the RPC handler of signing keys. */
export function keyRpcs({
  pool,
  keys,
}: {
  readonly pool: Pool;
  readonly keys: Keys;
}): Pick<ServiceImpl<typeof IdentityService>, "replaceSigningKeys"> {
  return {
    async replaceSigningKeys(request) {
      const fingerprint = fingerprintOf(ReplaceSigningKeysRequestSchema, request, { without: ["request_id"] });
      const scope = `signing keys by ${callContext()?.principal?.subject ?? ""}`;
      const keyed = { scope, requestId: request.requestId, method: "ReplaceSigningKeys", fingerprint };
      const { resourceId } = await once(pool, keyed, (tx) => keys.replace(tx));
      // The other replicas do so within a second, and this one does, too, if this fails.
      await keys.refresh().catch(() => undefined);
      return create(ReplaceSigningKeysResponseSchema, { signingKeyId: resourceId });
    },
  };
}
