import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import {
  type Erasure,
  ErasureSchema,
  ServiceErasure_State,
  ServiceErasureSchema,
} from "@sagacart/proto/identity/v1/erasure";
import {
  EraseCustomerResponseSchema,
  GetErasureResponseSchema,
  type IdentityService,
  ReportErasureResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { requireErasureReadable } from "../caller.ts";
import { reasons } from "../reasons.ts";
import { findErasure, linkErasure, lockErasure, markServiceDone, type UserErasure } from "./erasure-store.ts";
import { appendUserEvents } from "./user-events.ts";
import { findUser } from "./user-store.ts";

type ErasureRpcs = "getErasure" | "eraseCustomer" | "reportErasure";

/** Creates the RPC handlers of the deletion of personal data. */
export function erasureRpcs({
  pool,
  onEvents,
}: {
  pool: Pool;
  /** Called when events were committed. */
  onEvents(): void;
}): Pick<ServiceImpl<typeof IdentityService>, ErasureRpcs> {
  async function get(id: string): Promise<Erasure> {
    const erasure = await findErasure(pool, id);
    if (erasure === undefined) {
      throw erasureNotFound(id);
    }
    return erasureMessage(erasure);
  }

  return {
    async getErasure({ id: given }) {
      return create(GetErasureResponseSchema, { erasure: await get(requireErasureReadable(given)) });
    },

    async eraseCustomer({ id, ofUserId }) {
      // A service finds other ids of a person whose account is deleted; it begins no deletion by itself.
      if (ofUserId === "" && callContext()?.principal?.kind === "service") {
        throw erasureNotFound(ofUserId);
      }
      await withTransaction(pool, async (tx) => {
        // One call at a time for an id: the event is appended once.
        await lockErasure(tx, id);
        if ((await findUser(tx, id)) !== undefined) {
          throw new DomainError(reasons, "USER_EXISTS", `user ${id} exists; delete the user`, { id });
        }
        if ((await findErasure(tx, id)) === undefined) {
          const user = { id, email: "", isEmailVerified: false };
          await appendUserEvents(tx, [{ type: "sagacart.user.deleted.v1", user }]);
        }
        if (ofUserId !== "" && !(await linkErasure(tx, id, ofUserId))) {
          throw erasureNotFound(ofUserId);
        }
      });
      onEvents();
      return create(EraseCustomerResponseSchema, { erasure: await get(id) });
    },

    async reportErasure({ userId, service }) {
      const subject = callContext()?.principal?.subject;
      // Each service speaks for itself only.
      const isItself = subject === undefined || subject === `service:${service}`;
      if (!isItself || !(await markServiceDone(pool, userId, service))) {
        throw erasureNotFound(userId);
      }
      return create(ReportErasureResponseSchema);
    },
  };
}

function erasureNotFound(id: string): DomainError {
  return new DomainError(reasons, "ERASURE_NOT_FOUND", `user ${id} was not deleted`, { id });
}

/** The deletion on the wire. Identity itself was done in the transaction that deleted the user. */
function erasureMessage({ userId, requestTime, services }: UserErasure): Erasure {
  const all = [{ service: "identity", doneTime: requestTime }, ...services];
  const isDone = all.every(({ doneTime }) => doneTime !== undefined);
  const lastTime = Math.max(...all.map(({ doneTime }) => doneTime?.getTime() ?? 0));
  return create(ErasureSchema, {
    userId,
    requestTime: timestampFromDate(requestTime),
    services: all.map(({ service, doneTime }) =>
      create(ServiceErasureSchema, {
        service,
        state: doneTime === undefined ? ServiceErasure_State.PENDING : ServiceErasure_State.DONE,
        ...(doneTime === undefined ? {} : { doneTime: timestampFromDate(doneTime) }),
      }),
    ),
    ...(isDone ? { doneTime: timestampFromDate(new Date(lastTime)) } : {}),
  });
}
