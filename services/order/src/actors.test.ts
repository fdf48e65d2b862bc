import { createClient } from "@connectrpc/connect";
import { testActors } from "@sagacart/chassis/testing/actor-tests";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { startOrderService } from "./testing/order.ts";
import { testOrders } from "./testing/test-orders.ts";

testActors(async () => {
  const service = await startOrderService();
  const { newOrder, bring } = testOrders(() => service);
  const now = { waitAtMost: { seconds: 0n } };

  async function newIncident(): Promise<string> {
    const orderId = await newOrder();
    const failed = { orderId, step: "charge", workflowId: "w", error: "away", attempts: 3 };
    const { incidentId } = await service.saga.raiseIncident(failed);
    return incidentId;
  }

  const cart = "a cart: no money, no stock, no order";
  return {
    ...service,
    domain: "order.sagacart",
    byHand(transport) {
      const orders = createClient(OrderService, transport);
      const incidents = createClient(IncidentService, transport);
      return {
        async Checkout(as) {
          const lines = [{ productId: "mug", quantity: 1 }];
          return (await orders.checkout({ customerId: "ann", lines, waitFor: WaitFor.ACCEPTED }, as)).order?.placedBy;
        },
        async PayOrder(as) {
          const orderId = await newOrder({ payLater: true });
          await bring(orderId, "AWAITING_PAYMENT");
          return (await orders.payOrder({ id: orderId, ...now }, as)).order?.payment?.requestedBy;
        },
        async CancelOrder(as) {
          const { order } = await orders.cancelOrder({ id: await newOrder(), reason: "fraud", ...now }, as);
          return order?.cancelledBy;
        },
        async RefundOrder(as) {
          const orderId = await newOrder();
          await bring(orderId, "COMPLETED");
          return (await orders.refundOrder({ orderId, ...now }, as)).refund?.requestedBy;
        },
        async RetryIncident(as) {
          return (await incidents.retryIncident({ id: await newIncident() }, as)).incident?.retryRequestedBy;
        },
        async ResolveIncident(as) {
          const request = { id: await newIncident(), resolution: "called them" };
          return (await incidents.resolveIncident(request, as)).incident?.resolvedBy;
        },
      };
    },
    passedOn: { Checkout: "ann" },
    others: {
      ...{ CreateCart: cart, GetDefaultCart: cart, UpdateCart: cart, ReplaceCartLines: cart, AddCartItem: cart },
      ...{ RemoveCartItem: cart, DeleteCart: cart, DuplicateCart: cart, MergeCarts: cart, BatchPutCarts: cart },
      ...{ CommitPosition: "a reader's position", DeleteConsumer: "a reader's position" },
      ReplayConsumer: "a reader's position; the log says who set it back",
    },
  };
});
