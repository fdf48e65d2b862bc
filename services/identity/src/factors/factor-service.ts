import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { type Factor, Factor_Kind, FactorSchema } from "@sagacart/proto/identity/v1/factor";
import {
  ConfirmTotpResponseSchema,
  DeleteFactorResponseSchema,
  EnrollTotpResponseSchema,
  type IdentityService,
  ListFactorsResponseSchema,
  ReplaceRecoveryCodesResponseSchema,
  ResetFactorsResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { requireOwn, requireReadable, resolveUserId } from "../caller.ts";
import { sessionMessage } from "../messages.ts";
import { seenFrom } from "../sessions/seen-from.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { userNotFound } from "../users/user.ts";
import { findUser } from "../users/user-store.ts";
import { countRecoveryCodes, listFactors, type SeenFactor } from "./factor-store.ts";
import type { Factors } from "./factors.ts";

type FactorRpcs =
  | "enrollTotp"
  | "confirmTotp"
  | "listFactors"
  | "deleteFactor"
  | "replaceRecoveryCodes"
  | "resetFactors";

export type FactorRpcsOptions = { readonly pool: Pool; readonly factors: Factors; readonly sessions: Sessions };

/** Creates the RPC handlers of second factors. */
export function factorRpcs({
  pool,
  factors,
  sessions,
}: FactorRpcsOptions): Pick<ServiceImpl<typeof IdentityService>, FactorRpcs> {
  return {
    async enrollTotp({ userId, name }) {
      return create(EnrollTotpResponseSchema, await factors.enroll(requireOwn(userId), name));
    },
    async confirmTotp({ userId: given, id, code }) {
      const userId = requireOwn(given);
      const sessionId = callContext()?.principal?.sessionId ?? "";
      const { factor, recoveryCodes, result } = await factors.finish(userId, id, code, (tx, user, amr) =>
        sessions.confirm(tx, user, sessionId, seenFrom(), amr),
      );
      return create(ConfirmTotpResponseSchema, {
        ...(factor === undefined ? {} : { factor: factorMessage(factor) }),
        recoveryCodes,
        session: sessionMessage(result),
      });
    },
    async listFactors({ userId: given }) {
      const userId = requireReadable(given);
      if ((await findUser(pool, userId)) === undefined) {
        throw userNotFound(userId);
      }
      const [list, recoveryCodesLeft] = await Promise.all([
        listFactors(pool, userId),
        countRecoveryCodes(pool, userId),
      ]);
      return create(ListFactorsResponseSchema, { factors: list.map(factorMessage), recoveryCodesLeft });
    },
    async deleteFactor({ userId, id }) {
      await factors.delete(requireOwn(userId), id);
      return create(DeleteFactorResponseSchema);
    },
    async replaceRecoveryCodes({ userId }) {
      const recoveryCodes = await factors.replaceRecoveryCodes(requireOwn(userId));
      return create(ReplaceRecoveryCodesResponseSchema, { recoveryCodes });
    },
    async resetFactors({ userId }) {
      await factors.reset(resolveUserId(userId), callContext()?.principal?.subject ?? "");
      return create(ResetFactorsResponseSchema);
    },
  };
}

function factorMessage({ id, name, createTime, lastUseTime }: SeenFactor): Factor {
  return create(FactorSchema, {
    ...{ id, name, kind: Factor_Kind.TOTP, createTime: timestampFromDate(createTime) },
    ...(lastUseTime === null ? {} : { lastUseTime: timestampFromDate(lastUseTime) }),
  });
}
