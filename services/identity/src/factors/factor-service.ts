import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { type Factor, Factor_Kind, FactorSchema } from "@sagacart/proto/identity/v1/factor";
import {
  ChallengePasskeyResponseSchema,
  ConfirmPasskeyResponseSchema,
  ConfirmTotpResponseSchema,
  DeleteFactorResponseSchema,
  EnrollPasskeyResponseSchema,
  EnrollTotpResponseSchema,
  type IdentityService,
  ListFactorsResponseSchema,
  RenameFactorResponseSchema,
  ReplaceRecoveryCodesResponseSchema,
  ResetFactorsResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import type { Session } from "@sagacart/proto/identity/v1/session";
import { requireOwn, requireReadable, resolveUserId } from "../caller.ts";
import { sessionMessage } from "../messages.ts";
import { isGrantSession } from "../oidc/entry-store.ts";
import { seenFrom } from "../sessions/seen-from.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { type User, userNotFound } from "../users/user.ts";
import { findUser } from "../users/user-store.ts";
import type { Amr } from "./amr.ts";
import type { Enrolled } from "./enrollments.ts";
import { countRecoveryCodes, listFactors, type SeenFactor } from "./factor-store.ts";
import type { Factors } from "./factors.ts";

type FactorRpcs =
  | "enrollTotp"
  | "confirmTotp"
  | "enrollPasskey"
  | "confirmPasskey"
  | "challengePasskey"
  | "renameFactor"
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
  /**
   * Replaces the caller's session by one that has the new factor. Not that of an application, which must not get a session of
   * the API for its own: its scopes may be fewer. Its user signs in again at the page, with the new factor.
   */
  async function renew(tx: Transaction, user: User, amr: Amr): Promise<Session | undefined> {
    const id = callContext()?.principal?.sessionId ?? "";
    if (isGrantSession(id)) {
      return undefined;
    }
    return sessionMessage(await sessions.confirm(tx, user, id, seenFrom(), amr));
  }

  return {
    async enrollTotp({ userId, name }) {
      return create(EnrollTotpResponseSchema, await factors.enroll(requireOwn(userId), name));
    },
    async confirmTotp({ userId: given, id, code }) {
      const userId = requireOwn(given);
      return create(ConfirmTotpResponseSchema, enrolled(await factors.finish(userId, id, code, renew)));
    },
    async enrollPasskey({ userId, name }) {
      const { id, options: optionsJson } = await factors.enrollPasskey(requireOwn(userId), name);
      return create(EnrollPasskeyResponseSchema, { id, optionsJson });
    },
    async confirmPasskey({ userId: given, id, credentialJson }) {
      const userId = requireOwn(given);
      return create(
        ConfirmPasskeyResponseSchema,
        enrolled(await factors.finishPasskey(userId, id, credentialJson, renew)),
      );
    },
    async challengePasskey({ userId }) {
      const optionsJson = await factors.challengePasskey(requireOwn(userId));
      return create(ChallengePasskeyResponseSchema, { optionsJson });
    },
    async renameFactor({ userId, id, name }) {
      const factor = await factors.rename(requireOwn(userId), id, name);
      return create(RenameFactorResponseSchema, { factor: factorMessage(factor) });
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

function enrolled({ factor, recoveryCodes, result: session }: Enrolled<Session | undefined>) {
  return {
    ...(factor === undefined ? {} : { factor: factorMessage(factor) }),
    recoveryCodes,
    ...(session === undefined ? {} : { session }),
  };
}

function factorMessage({ id, name, kind, createTime, lastUseTime }: SeenFactor): Factor {
  return create(FactorSchema, {
    ...{ id, name, kind: Factor_Kind[kind], createTime: timestampFromDate(createTime) },
    ...(lastUseTime === null ? {} : { lastUseTime: timestampFromDate(lastUseTime) }),
  });
}
