import type { JsonValue } from "@bufbuild/protobuf";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { eventFeeds } from "../events/feeds.ts";
import { bind } from "./bindings.ts";
import type { Feed } from "./feed.ts";
import { isObject } from "./query.ts";

/** The public streams. */
export const feeds: readonly Feed[] = [
  {
    binding: bind(OrderService.method.watchOrder, { verb: "GET", template: "/v1/orders/{id}:watch", body: "" }),
    cursor: "afterSequence",
    frames: (json) => [{ id: text(at(at(json, "order"), "sequence")), data: json }],
    isLast: (json) => finalStates.has(text(at(at(json, "order"), "state"))),
  },
  {
    binding: bind(GuestOrderService.method.watchGuestOrder, {
      verb: "GET",
      template: "/v1/guest-orders/{id}:watch",
      body: "",
    }),
    cursor: "afterSequence",
    frames: (json) => [{ id: text(at(at(json, "order"), "sequence")), data: json }],
    isLast: (json) => finalStates.has(text(at(at(json, "order"), "state"))),
  },
  {
    binding: bind(InboxService.method.watchInbox, { verb: "GET", template: "/v1/inbox/{customer_id}:watch", body: "" }),
    cursor: "afterSequence",
    frames: (json) => [{ id: text(at(json, "sequence")), data: json }],
    isLast: () => false,
  },
  ...eventFeeds,
];

const finalStates = new Set(["STATE_COMPLETED", "STATE_REJECTED", "STATE_CANCELLED", "STATE_EXPIRED"]);

function at(json: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(json) ? json[key] : undefined;
}

function text(json: JsonValue | undefined): string {
  return typeof json === "string" ? json : "";
}
