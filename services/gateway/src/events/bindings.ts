import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { type Binding, bind, bindingsOf } from "../v1/bindings.ts";

/** The processes that have a feed of their own. */
const feedNames = ["order", "payment", "shipping"] as const;
type FeedName = (typeof feedNames)[number];

/**
 * The bindings of each feed, at its own path: the method annotated with `/v1/events` is `/v1/feeds/payment/events` for
 * payment's feed. Each feed has its own positions: one order of all events would need one database that all services commit
 * to. Without a feed in the path it is the feed of orders, which has all of a checkout.
 */
export const feedBindings: readonly Binding[] = feedNames.flatMap((feed) =>
  bindingsOf([EventService, ConsumerService]).map((binding) => inFeed(feed, binding)),
);

const subscription = bind(EventService.method.subscribeEvents, {
  verb: "GET",
  template: "/v1/events:subscribe",
  body: "",
});

/** The subscriptions to events: at the path without a feed, and at each feed's. */
export const subscriptions: readonly Binding<DescMethodServerStreaming>[] = [
  subscription,
  ...feedNames.map((feed) => inFeed(feed, subscription)),
];

function inFeed<M extends DescMethodUnary | DescMethodServerStreaming>(
  feed: FeedName,
  binding: Binding<M>,
): Binding<M> {
  return { ...binding, template: binding.template.replace("/v1/", `/v1/feeds/${feed}/`), at: feed };
}
