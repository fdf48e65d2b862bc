import { createHash, createHmac } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodePageToken, encodePageToken, pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import {
  DeleteUserResponseSchema,
  GetUserResponseSchema,
  type IdentityService,
  ListUsersResponseSchema,
  type RegisterRequest,
  RegisterRequestSchema,
  RegisterResponseSchema,
  SetRolesResponseSchema,
  UnlockUserResponseSchema,
  UpdateUserResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { requireChangeable, requireReadable, resolveUserId } from "../caller.ts";
import { greeting } from "../greeting.ts";
import type { Mailer } from "../mailer.ts";
import { userMessage } from "../messages.ts";
import { reasons } from "../reasons.ts";
import type { PasswordChange } from "../sessions/password-change.ts";
import type { Passwords } from "../sessions/passwords.ts";
import { revokeUserTokens } from "../sessions/revocation-store.ts";
import type { Throttle } from "../sessions/throttle.ts";
import { changedFields, etagMismatch, versionOf } from "./update-mask.ts";
import { roles as knownRoles, type Role, type User, userNotFound } from "./user.ts";
import { appendUserEvents } from "./user-events.ts";
import { deleteUser, findUser, insertUser, listUsers, updateRoles, updateUser } from "./user-store.ts";

export type UserRpcsOptions = {
  readonly pool: Pool;
  readonly passwords: Passwords;
  readonly passwordChange: Pick<PasswordChange, "refuseShort">;
  readonly mailer: Mailer;
  readonly throttle: Throttle;
  /** Derives the salts of registrations from their request ids, which callers choose. */
  readonly saltKey: Buffer;
  /** Called when events of users were committed. */
  onEvents(): void;
};

type UserRpcs = "register" | "getUser" | "listUsers" | "updateUser" | "deleteUser" | "setRoles" | "unlockUser";

/** Creates the RPC handlers of users. */
export function userRpcs(options: UserRpcsOptions): Pick<ServiceImpl<typeof IdentityService>, UserRpcs> {
  const { pool, passwords, passwordChange, mailer, throttle, saltKey, onEvents } = options;

  /** Returns the salt of a request id, so that a repeat with the same password has the same hash; undefined without one. */
  function saltOf(requestId: string): Buffer | undefined {
    return requestId === "" ? undefined : createHmac("sha256", saltKey).update(requestId).digest().subarray(0, 16);
  }

  async function get(id: string): Promise<User> {
    const user = await findUser(pool, id);
    if (user === undefined) {
      throw userNotFound(id);
    }
    return user;
  }

  return {
    async register(request) {
      const { username, email, password, phone, requestId } = request;
      passwordChange.refuseShort(password);
      // Hash before the transaction, which holds a connection.
      const passwordHash = await passwords.hash(password, saltOf(requestId));
      const fingerprint = registrationFingerprint(request, passwordHash);
      const keyed = { scope: "register", requestId, method: "Register", fingerprint };
      const { resourceId } = await once(pool, keyed, async (tx) => {
        const id = uuidv7();
        await insertUser(tx, { id, username, email, phone, roles: ["customer"], passwordHash });
        const user = { id, email, isEmailVerified: false };
        await appendUserEvents(tx, [{ type: "sagacart.user.created.v1", user }]);
        return id;
      });
      onEvents();
      return create(RegisterResponseSchema, { user: userMessage(await get(resourceId)) });
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
      const version = versionOf(given.etag);
      const updated = await withTransaction(pool, async (tx) => {
        const users = await updateUser(tx, {
          id,
          ...(fields.has("email") ? { email: given.email } : {}),
          ...(fields.has("phone") ? { phone: given.phone } : {}),
          ...(version === undefined ? {} : { version }),
        });
        if (users !== undefined && users.after.email !== users.before.email) {
          await appendUserEvents(tx, [{ type: "sagacart.user.email_changed.v1", user: users.after }]);
        }
        return users;
      });
      if (updated === undefined) {
        await get(id);
        throw etagMismatch();
      }
      const { before, after } = updated;
      if (after.email !== before.email) {
        onEvents();
        mailer.sendInBackground(emailChangedMail(before, after));
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

/**
 * Hashes the content of a registration. The password is in it by its slow hash: the fingerprint is stored, and of a fast
 * hash a password can be guessed.
 */
function registrationFingerprint(request: RegisterRequest, passwordHash: string): Uint8Array {
  const rest = fingerprintOf(RegisterRequestSchema, request, { without: ["request_id", "password"] });
  return createHash("sha256").update(rest).update(passwordHash).digest();
}

function isRole(text: string): text is Role {
  return knownRoles.some((role) => role === text);
}

function emailChangedMail({ email: to, username }: User, { email }: User) {
  const text = `${greeting(username)}

the e-mail address of your account is now ${email}. If you did not change it, contact us.
`;
  return { to, subject: "Your e-mail address was changed", text };
}
