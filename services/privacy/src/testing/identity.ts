import { create } from "@bufbuild/protobuf";
import { startTestFeed, type TestFeed } from "@sagacart/outbox/testing/test-feed";
import { ErasureSchema, ServiceErasure_State } from "@sagacart/proto/identity/v1/erasure";
import {
  EraseCustomerResponseSchema,
  GetErasureResponseSchema,
  IdentityService,
  ReportErasureResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";

/** A stand-in for identity with a real feed and port. */
export type TestIdentityFeed = TestFeed & {
  /** The reports of services, as "<service> <user id>". */
  readonly reports: readonly string[];
  /** Tells the services that these users were deleted. */
  deleteUsers(ids: readonly string[]): Promise<void>;
  /** Makes GetErasure answer that order is done with this user. */
  finishOrder(userId: string): void;
};

/** Starts identity's feed, and the two RPCs by which services erase. */
export async function startTestIdentityFeed(): Promise<TestIdentityFeed> {
  const reports: string[] = [];
  const finished = new Set<string>();
  const feed = await startTestFeed("/sagacart/identity", (routes) => (router) => {
    routes(router);
    router.service(IdentityService, {
      async getErasure({ id }) {
        const state = finished.has(id) ? ServiceErasure_State.DONE : ServiceErasure_State.PENDING;
        const services = [{ service: "order", state }];
        return create(GetErasureResponseSchema, { erasure: create(ErasureSchema, { userId: id, services }) });
      },
      async eraseCustomer({ id, ofUserId }) {
        reports.push(`alias ${id} of ${ofUserId}`);
        return create(EraseCustomerResponseSchema);
      },
      async reportErasure({ userId, service }) {
        reports.push(`${service} ${userId}`);
        return create(ReportErasureResponseSchema);
      },
    });
  });
  return {
    ...feed,
    reports,
    async deleteUsers(ids) {
      await feed.publish(
        ids.map((subject) => ({ subject, sequence: 1, type: "sagacart.user.deleted.v1", data: { userId: subject } })),
      );
    },
    finishOrder: (userId) => void finished.add(userId),
  };
}
