import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { requireFreshCaller } from "@sagacart/chassis/auth/fresh";
import { DomainError } from "@sagacart/chassis/errors";
import { decodePageToken, encodePageToken, pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import {
  DeleteUserResponseSchema,
  GetUserResponseSchema,
  type IdentityService,
  ListUsersResponseSchema,
  RegisterByForeignRulesResponseSchema,
  RegisterResponseSchema,
  SetRolesResponseSchema,
  UnlockUserResponseSchema,
  UpdateUserResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { requireChangeable, requireReadable, resolveUserId } from "../caller.ts";
import { userMessage } from "../messages.ts";
import { reasons } from "../reasons.ts";
import { revokeUserTokens } from "../sessions/revocation-store.ts";
import type { Throttle } from "../sessions/throttle.ts";
import type { EmailChange } from "./email-change.ts";
import type { Registration } from "./registration.ts";
import { changedFields, etagMismatch, versionOf } from "./update-mask.ts";
import { roles as knownRoles, type Role, type User, userNotFound } from "./user.ts";
import { appendUserEvents } from "./user-events.ts";
import { deleteUser, findUser, listUsers, updateRoles, updateUser } from "./user-store.ts";

export type UserRpcsOptions = {
  readonly pool: Pool;
  readonly registration: Registration;
  readonly emailChange: EmailChange;
  readonly throttle: Throttle;
  /** Called when events of users were committed. */
  onEvents(): void;
};

type UserRpcs =
  | "register"
  | "registerByForeignRules"
  | "getUser"
  | "listUsers"
  | "updateUser"
  | "deleteUser"
  | "setRoles"
  | "unlockUser";

/** Creates the RPC handlers of users. */
export function userRpcs(options: UserRpcsOptions): Pick<ServiceImpl<typeof IdentityService>, UserRpcs> {
  const { pool, registration, emailChange, throttle, onEvents } = options;

  async function get(id: string): Promise<User> {
    const user = await findUser(pool, id);
    if (user === undefined) {
      throw userNotFound(id);
    }
    return user;
  }

  return {
    async register(request) {
      const { user } = await registration.register(request);
      return create(RegisterResponseSchema, { user: userMessage(user) });
    },

    async registerByForeignRules(request) {
      const user = await registration.registerByForeignRules(request);
      return create(RegisterByForeignRulesResponseSchema, { user: userMessage(user) });
    },

    async getUser({ id }) {
      return create(GetUserResponseSchema, { user: userMessage(await get(requireReadable(id))) });
    },

    async listUsers({ username, email, role, pageToken, pageSize: asked }) {
      const list = JSON.stringify(["users", username.toLowerCase(), email.toLowerCase(), role]);
      const after = decodePageToken(pageToken, list, ["date", "string"]);
      const limit = pageSize(asked);
      const users = await listUsers(pool, { username, email, role }, { after, limit: limit + 1 });
      const shown = users.slice(0, limit);
      const last = users.length > limit ? shown.at(-1) : undefined;
      return create(ListUsersResponseSchema, {
        users: shown.map(userMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.createTime, last.id], list),
      });
    },

    async updateUser({ user, updateMask }) {
      const given = { id: "", email: "", phone: "", etag: "", ...user };
      const id = requireChangeable(given.id);
      const fields = changedFields(updateMask?.paths ?? [], { email: given.email !== "", phone: given.phone !== "" });
      if (fields.has("email") && given.email === "") {
        throw new DomainError(reasons, "BAD_UPDATE_MASK", "email cannot be cleared", { path: "email" });
      }
      if (fields.has("email")) {
        requireFreshCaller();
      }
      const version = versionOf(given.etag);
      const updated = await withTransaction(pool, async (tx) => {
        return await updateUser(tx, {
          id,
          ...(fields.has("email") ? { email: given.email } : {}),
          ...(fields.has("phone") ? { phone: given.phone } : {}),
          ...(version === undefined ? {} : { version }),
        });
      });
      if (updated === undefined) {
        await get(id);
        throw etagMismatch();
      }
      const { after } = updated;
      if (fields.has("email") && after.pendingEmail !== "") {
        await emailChange.askToConfirm(after, after.pendingEmail);
      }
      return create(UpdateUserResponseSchema, { user: userMessage(after) });
    },

    async deleteUser({ id: given, etag }) {
      const id = requireChangeable(given);
      const version = versionOf(etag);
      const isDeleted = await withTransaction(pool, async (tx) => {
        const deleted = await deleteUser(tx, id, version);
        if (deleted) {
          const user = { id, email: "", isEmailVerified: false };
          await appendUserEvents(tx, [{ type: "sagacart.user.deleted.v1", user }]);
        }
        return deleted;
      });
      if (!isDeleted) {
        await get(id);
        throw etagMismatch();
      }
      onEvents();
      return create(DeleteUserResponseSchema);
    },

    async setRoles({ id: given, roles, etag }) {
      const id = resolveUserId(given);
      const change = { id, roles: roles.filter(isRole), version: versionOf(etag) };
      const user = await withTransaction(pool, async (tx) => {
        const changed = await updateRoles(tx, change);
        if (changed !== undefined) {
          await revokeUserTokens(tx, id);
        }
        return changed;
      });
      if (user === undefined) {
        await get(id);
        throw etagMismatch();
      }
      return create(SetRolesResponseSchema, { user: userMessage(user) });
    },

    async unlockUser({ id }) {
      const user = await get(resolveUserId(id));
      await throttle.forgive(pool, user);
      return create(UnlockUserResponseSchema, { user: userMessage(user) });
    },
  };
}

function isRole(text: string): text is Role {
  return knownRoles.some((role) => role === text);
}
