import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import {
  ConfirmEmailResponseSchema,
  type IdentityService,
  RequestEmailConfirmationResponseSchema,
  UndoEmailChangeResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { requireChangeable } from "../caller.ts";
import type { EmailChange } from "./email-change.ts";
import { userNotFound } from "./user.ts";
import { findUser } from "./user-store.ts";

type EmailRpcs = "confirmEmail" | "undoEmailChange" | "requestEmailConfirmation";

/** Creates the RPC handlers that confirm e-mail addresses. */
export function emailRpcs({
  pool,
  emailChange,
}: {
  pool: Pool;
  emailChange: EmailChange;
}): Pick<ServiceImpl<typeof IdentityService>, EmailRpcs> {
  return {
    async confirmEmail({ token }) {
      await emailChange.confirm(token, callContext()?.clientAddress);
      return create(ConfirmEmailResponseSchema);
    },
    async undoEmailChange({ token }) {
      await emailChange.undo(token, callContext()?.clientAddress);
      return create(UndoEmailChangeResponseSchema);
    },
    async requestEmailConfirmation({ userId }) {
      const id = requireChangeable(userId);
      const user = await findUser(pool, id);
      if (user === undefined) {
        throw userNotFound(id);
      }
      if (user.pendingEmail !== "") {
        await emailChange.askToConfirm(user, user.pendingEmail);
      } else if (!user.isEmailVerified) {
        await emailChange.askToConfirm(user, user.email);
      }
      return create(RequestEmailConfirmationResponseSchema);
    },
  };
}
