import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, encodePageToken, pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { callerGuard, fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import {
  CreateAddressRequestSchema,
  CreateAddressResponseSchema,
  DeleteAddressResponseSchema,
  GetAddressResponseSchema,
  type IdentityService,
  ListAddressesResponseSchema,
  UpdateAddressResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { requireChangeable, requireReadable } from "../caller.ts";
import { addressMessage } from "../messages.ts";
import { reasons } from "../reasons.ts";
import {
  deleteAddress,
  findAddress,
  insertAddress,
  listAddresses,
  type UserAddress,
  updateAddress,
} from "./address-store.ts";
import { changedFields, etagMismatch, versionOf } from "./update-mask.ts";
import { userNotFound } from "./user.ts";
import { findUser } from "./user-store.ts";

type AddressRpcs = "createAddress" | "getAddress" | "listAddresses" | "updateAddress" | "deleteAddress";

/** Creates the RPC handlers of address books. */
export function addressRpcs({ pool }: { pool: Pool }): Pick<ServiceImpl<typeof IdentityService>, AddressRpcs> {
  async function get(userId: string, id: string): Promise<UserAddress> {
    const address = await findAddress(pool, userId, id);
    if (address === undefined) {
      throw addressNotFound(userId, id);
    }
    return address;
  }

  return {
    async createAddress(request) {
      const userId = requireChangeable(request.userId);
      const address = request.address ?? create(AddressSchema);
      const { isDefault, requestId } = request;
      const fingerprint = fingerprintOf(CreateAddressRequestSchema, request, { without: ["request_id"] });
      const guard = callerGuard(userId, { requestId, fingerprint });
      const keyed = { scope: `addresses ${userId}`, requestId, method: "CreateAddress", fingerprint, guard };
      const { resourceId } = await once(pool, keyed, async (tx) => {
        const id = uuidv7();
        await insertAddress(tx, { id, userId, address, isDefault });
        return id;
      });
      return create(CreateAddressResponseSchema, { address: addressMessage(await get(userId, resourceId)) });
    },

    async getAddress({ userId, id }) {
      return create(GetAddressResponseSchema, { address: addressMessage(await get(requireReadable(userId), id)) });
    },

    async listAddresses(request) {
      const userId = requireReadable(request.userId);
      const list = `addresses of ${userId}`;
      const afterId = decodeIdToken(request.pageToken, list, /^[a-z0-9-]{1,63}$/);
      const limit = pageSize(request.pageSize);
      const addresses = await listAddresses(pool, { userId, afterId, limit: limit + 1 });
      if (addresses.length === 0 && (await findUser(pool, userId)) === undefined) {
        throw userNotFound(userId);
      }
      const shown = addresses.slice(0, limit);
      const last = addresses.length > limit ? shown.at(-1) : undefined;
      return create(ListAddressesResponseSchema, {
        addresses: shown.map(addressMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.id], list),
      });
    },

    async updateAddress({ address: given, updateMask }) {
      const id = given?.id ?? "";
      const userId = requireChangeable(given?.userId ?? "");
      const set = { address: given?.address !== undefined, is_default: given?.isDefault === true };
      const fields = changedFields(updateMask?.paths ?? [], set);
      if (fields.has("address") && given?.address === undefined) {
        throw new DomainError(reasons, "BAD_UPDATE_MASK", "address cannot be cleared", { path: "address" });
      }
      const version = versionOf(given?.etag ?? "");
      const updated = await withTransaction(pool, (tx) =>
        updateAddress(tx, {
          ...{ userId, id },
          ...(fields.has("address") && given?.address !== undefined ? { address: given.address } : {}),
          ...(fields.has("is_default") ? { isDefault: given?.isDefault === true } : {}),
          ...(version === undefined ? {} : { version }),
        }),
      );
      if (updated === undefined) {
        await get(userId, id);
        throw etagMismatch();
      }
      return create(UpdateAddressResponseSchema, { address: addressMessage(updated) });
    },

    async deleteAddress({ userId: given, id, etag }) {
      const userId = requireChangeable(given);
      await withTransaction(pool, (tx) => deleteAddress(tx, { userId, id, version: versionOf(etag) }));
      return create(DeleteAddressResponseSchema);
    },
  };
}

function addressNotFound(userId: string, id: string): DomainError {
  const message = `user ${userId} has no address ${id}`;
  return new DomainError(reasons, "ADDRESS_NOT_FOUND", message, { user_id: userId, address_id: id });
}
