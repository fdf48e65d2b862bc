import { Alert, Anchor, Group, Stack, Text, Title } from "@mantine/core";
import { Incident_State } from "@sagacart/proto/order/v1/incident";
import { type Order, Order_State, type OrderLine } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { Refund_State } from "@sagacart/proto/payment/v1/payment";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { useQuery } from "@tanstack/react-query";
import { failureOf } from "../../rpc/failure.ts";
import { useSiteConfig } from "../../use-site-config.tsx";
import { Action, type ActionField } from "../action.tsx";
import { usePathPart } from "../address.ts";
import { amountText, readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { type Column, Facts, Heading, Rows, Waiting } from "../list.tsx";
import { RefundActions } from "../money/refund-actions.tsx";
import { actorText, money, time } from "../show.ts";
import { type OrderRecords, timelineOf } from "../timeline.ts";
import { To } from "../to.tsx";
import { IncidentActions } from "./incident-actions.tsx";
import { loadRecords } from "./load-records.ts";
import { OrderBadge } from "./orders-page.tsx";
import { Timeline } from "./timeline-view.tsx";
import { TraceButton, TraceSection } from "./trace/trace-section.tsx";
import { workflowUrl } from "./workflow-url.ts";

/** An order with everything that all services know about it, on one timeline. */
export function OrderPage() {
  const id = usePathPart("id");
  const call = useCall();
  const query = useQuery({
    queryKey: ["order-records", id],
    queryFn: () => loadRecords(call, id),
    refetchInterval: ({ state }) => (isFinal(state.data?.records.order.state) ? 10_000 : 2_000),
  });
  return (
    <Stack>
      <Heading
        title={`Order ${id}`}
        actions={
          query.data && (
            <>
              <TraceButton changes={query.data.records.changes} />
              <OrderActions records={query.data.records} />
            </>
          )
        }
      />
      <Waiting query={query} label="the order" />
      {query.data !== undefined && (
        <>
          {query.data.missing.map(({ part, error }) => (
            <Alert key={part} color="red" variant="outline" title={`Without ${part}`}>
              {failureOf(error).message}
            </Alert>
          ))}
          <OrderFacts records={query.data.records} />
          <Title order={2} size="h4">
            Products
          </Title>
          <Rows
            label="Products"
            rows={query.data.records.order.lines}
            keyOf={({ productId }) => productId}
            columns={lineColumns}
          />
          <Open records={query.data.records} />
          <Title order={2} size="h4">
            Timeline
          </Title>
          <Timeline entries={timelineOf(query.data.records)} />
          <TraceSection changes={query.data.records.changes} isFinal={isFinal(query.data.records.order.state)} />
        </>
      )}
    </Stack>
  );
}

const lineColumns: readonly Column<OrderLine>[] = [
  { head: "Product", cell: ({ productId }) => <To parts={["products", productId]}>{productId}</To> },
  { head: "Title", cell: ({ title }) => title },
  { head: "SKU", cell: ({ sku }) => sku },
  { head: "Quantity", cell: ({ quantity }) => quantity, numeric: true },
  { head: "Price", cell: ({ unitPrice }) => money(unitPrice), numeric: true },
];

function OrderFacts({ records: { order, shipment, payments = [] } }: { records: OrderRecords }) {
  const { temporalUrl } = useSiteConfig();
  const { workflowId, shippingAddress: address } = order;
  const workflow =
    temporalUrl === undefined || workflowId === "" ? (
      workflowId
    ) : (
      <Anchor href={workflowUrl(temporalUrl, workflowId)} target="_blank" rel="noreferrer" size="sm">
        {workflowId}
      </Anchor>
    );
  return (
    <Facts
      facts={[
        ["State", <OrderBadge key="state" state={order.state} />],
        ["Reason", [order.outcomeReason, order.outcomeDetail].filter((part) => part !== "").join(": ")],
        ["The shop's own reason", order.internalReason],
        ["Total", money(order.total)],
        ["Paid back", order.refunded !== undefined && order.refunded.minorUnits > 0n && money(order.refunded)],
        [
          "Customer",
          <To key="customer" parts={["users", order.customerId]}>
            {order.customerId}
          </To>,
        ],
        ["Email for messages", order.contactEmail],
        ["Placed by", actorText(order.placedBy)],
        ["Payment method", order.payment?.method || "the customer's balance"],
        ["Payment attempts", order.payment?.attempt],
        ["Declined", order.payment?.declineReason],
        ["Payments", payments.length > 0 && <PaymentLinks ids={payments.map(({ id }) => id)} />],
        ["To be paid until", order.expireTime && time(order.expireTime)],
        [
          "Ships to",
          address &&
            [
              address.recipient,
              address.line1,
              address.line2,
              address.postalCode,
              address.city,
              address.region,
              address.countryCode,
            ]
              .filter((part) => part !== "")
              .join(", "),
        ],
        ["Tracking number", order.trackingNumber || shipment?.trackingNumber],
        ["Workflow", workflow],
        [
          "Cart",
          order.cartId && (
            <To key="cart" parts={["orders"]} search={{ cart: order.cartId }}>
              {order.cartId}
            </To>
          ),
        ],
        ["Created", time(order.createTime)],
        ["Changed", time(order.updateTime)],
      ]}
    />
  );
}

function PaymentLinks({ ids }: { ids: readonly string[] }) {
  return (
    <>
      {ids.map((id) => (
        <div key={id}>
          <To parts={["payments", id]}>{id}</To>
        </div>
      ))}
    </>
  );
}

/** Shows what waits for a person: open incidents, refunds that the provider refuses, and shipments that the carrier keeps. */
function Open({ records: { order, incidents = [], refunds = [], shipment } }: { records: OrderRecords }) {
  const isOperator = useIsOperator();
  const call = useCall();
  const open = incidents.filter(({ state }) => state === Incident_State.OPEN);
  const refused = refunds.filter(({ state }) => state === Refund_State.REFUSED);
  const recall = shipment?.recallRefusal ?? "";
  if (open.length === 0 && refused.length === 0 && recall === "") {
    return null;
  }
  return (
    <Stack gap="sm">
      <Title order={2} size="h4">
        Waits for a person
      </Title>
      {open.map((incident) => (
        <Alert key={incident.id} color="red" variant="outline" title={`Incident: ${incident.step}`}>
          <Text size="sm">
            {incident.error} ({incident.attempts} rounds of attempts)
          </Text>
          <Group gap="xs" mt="xs">
            <IncidentActions incident={incident} />
            <To parts={["incidents", incident.id]}>Details</To>
          </Group>
        </Alert>
      ))}
      {refused.map((refund) => (
        <Alert
          key={refund.id}
          color="red"
          variant="outline"
          title={`The card provider refuses to pay back ${money(refund.amount)}`}
        >
          <Text size="sm">{refund.failureReason}</Text>
          <Group gap="xs" mt="xs">
            <RefundActions refund={refund} />
          </Group>
        </Alert>
      ))}
      {recall !== "" && (
        <Alert color="red" variant="outline" title="The carrier does not give the shipment back">
          <Text size="sm">{recall}</Text>
          {isOperator && (
            <Group mt="xs">
              <Action
                name="recall"
                label="Ask the carrier again"
                explanation="The carrier is asked again to give the shipment of this cancelled order back."
                run={() => call(ShippingService.method.retryRecall, { orderId: order.id })}
              />
            </Group>
          )}
        </Alert>
      )}
    </Stack>
  );
}

/** The fields of the two reasons that an order's events have for what staff do. */
const reasonFields: readonly ActionField[] = [
  {
    name: "reason",
    label: "The shop's own reason",
    kind: "area",
    maxLength: 500,
    description: "The customer does not see it.",
  },
  { name: "publicReason", label: "What the customer is told", kind: "area", maxLength: 500 },
];

const soon = { seconds: 5n, nanos: 0 };

function OrderActions({ records: { order, payments = [] } }: { records: OrderRecords }) {
  const call = useCall();
  const isCancellable =
    !isFinal(order.state) && order.state !== Order_State.SHIPPING && order.cancelRequestTime === undefined;
  const paid = payments.some(({ refunded, amount }) => (refunded?.minorUnits ?? 0n) < (amount?.minorUnits ?? 0n));
  const left = (order.total?.minorUnits ?? 0n) - (order.refunded?.minorUnits ?? 0n);
  const isRefundable = order.state === Order_State.COMPLETED && paid && left > 0n;
  const currency = order.total?.currencyCode ?? "";
  return (
    <>
      {isCancellable && (
        <Action
          name="cancel"
          label="Cancel order"
          danger
          explanation="What the order holds is released, and what was paid is paid back."
          fields={reasonFields}
          run={({ reason = "", publicReason = "" }) =>
            call(OrderService.method.cancelOrder, { id: order.id, reason, publicReason, waitAtMost: soon })
          }
        />
      )}
      {isRefundable && (
        <Action
          name="refund"
          label="Refund"
          explanation={`Up to ${money({ currencyCode: currency, minorUnits: left })} can be paid back. Goods are not put back into stock.`}
          fields={[
            {
              name: "amount",
              label: `Amount in ${currency}`,
              description: "Empty for all that is left.",
              initial: amountText(left, currency),
              maxLength: 20,
            },
            ...reasonFields,
          ]}
          run={({ amount = "", reason = "", publicReason = "" }, requestId) =>
            call(OrderService.method.refundOrder, {
              orderId: order.id,
              requestId,
              reason,
              publicReason,
              waitAtMost: soon,
              ...(amount.trim() === "" ? {} : { amount: readAmount(amount, currency) }),
            })
          }
        />
      )}
    </>
  );
}

function isFinal(state: Order["state"] | undefined): boolean {
  return state !== undefined && finalStates.includes(state);
}

const finalStates: readonly Order_State[] = [
  Order_State.COMPLETED,
  Order_State.REJECTED,
  Order_State.CANCELLED,
  Order_State.EXPIRED,
];
