import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { type ActivityService, GetOrderActivityResponseSchema } from "@sagacart/proto/order/v1/activity_service";
import { loadActivity } from "./activity-store.ts";

/** The handlers of ActivityService; its proto documents them. */
export function createActivityService(pool: Pool) {
  return {
    async getOrderActivity() {
      return create(GetOrderActivityResponseSchema, await loadActivity(pool));
    },
  } satisfies ServiceImpl<typeof ActivityService>;
}
