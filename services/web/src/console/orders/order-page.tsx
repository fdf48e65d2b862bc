import { Alert, Anchor, Group, Stack, Text, Title } from "@mantine/core";
import { Incident_State } from "@sagacart/proto/order/v1/incident";
import { type Order, Order_State, type OrderLine } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { Refund_State } from "@sagacart/proto/payment/v1/payment";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { useQuery } from "@tanstack/react-query";
import { useTexts } from "../../i18n/language.tsx";
import { useSiteConfig } from "../../use-site-config.tsx";
import { Action, type ActionField } from "../action.tsx";
import { usePathPart } from "../address.ts";
import { amountText, readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { failureLine } from "../failure-sentences.ts";
import { type Column, Facts, Heading, Rows, Waiting } from "../list.tsx";
import { RefundActions } from "../money/refund-actions.tsx";
import { type OrderRecords, timelineOf } from "../timeline.ts";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { IncidentActions } from "./incident-actions.tsx";
import { loadRecords } from "./load-records.ts";
import { OrderBadge } from "./orders-page.tsx";
import { ordersTexts } from "./orders-texts.ts";
import { Timeline } from "./timeline-view.tsx";
import { TraceButton, TraceSection } from "./trace/trace-section.tsx";
import { workflowUrl } from "./workflow-url.ts";

/** An order with everything that all services know about it, on one timeline. */
export function OrderPage() {
  const text = useTexts(ordersTexts);
  const { language } = useShow();
  const lineColumns = useLineColumns();
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
        title={text.orderOf(id)}
        actions={
          query.data && (
            <>
              <TraceButton changes={query.data.records.changes} />
              <OrderActions records={query.data.records} />
            </>
          )
        }
      />
      <Waiting query={query} label={text.theOrder} />
      {query.data !== undefined && (
        <>
          {query.data.missing.map(({ part, error }) => (
            <Alert key={part} color="red" variant="outline" title={text.without(text.parts[part])}>
              {failureLine(error, language)}
            </Alert>
          ))}
          <OrderFacts records={query.data.records} />
          <Title order={2} size="h4">
            {text.products}
          </Title>
          <Rows
            label={text.products}
            rows={query.data.records.order.lines}
            keyOf={({ productId }) => productId}
            columns={lineColumns}
          />
          <Open records={query.data.records} />
          <Title order={2} size="h4">
            {text.timeline}
          </Title>
          <Timeline entries={timelineOf(query.data.records, language)} />
          <TraceSection changes={query.data.records.changes} isFinal={isFinal(query.data.records.order.state)} />
        </>
      )}
    </Stack>
  );
}

function useLineColumns(): readonly Column<OrderLine>[] {
  const text = useTexts(ordersTexts);
  const { count, money } = useShow();
  return [
    { head: text.product, cell: ({ productId }) => <To parts={["products", productId]}>{productId}</To> },
    { head: text.title, cell: ({ title }) => title },
    { head: text.sku, cell: ({ sku }) => sku },
    { head: text.quantity, cell: ({ quantity }) => count(quantity), numeric: true },
    { head: text.price, cell: ({ unitPrice }) => money(unitPrice), numeric: true },
  ];
}

function OrderFacts({ records: { order, shipment, payments = [] } }: { records: OrderRecords }) {
  const text = useTexts(ordersTexts);
  const { actorText, count, money, time } = useShow();
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
        [text.state, <OrderBadge key="state" state={order.state} />],
        [text.reason, [order.outcomeReason, order.outcomeDetail].filter((part) => part !== "").join(": ")],
        [text.shopsReason, order.internalReason],
        [text.total, money(order.total)],
        [text.paidBack, order.refunded !== undefined && order.refunded.minorUnits > 0n && money(order.refunded)],
        [
          text.customer,
          <To key="customer" parts={["users", order.customerId]}>
            {order.customerId}
          </To>,
        ],
        [text.emailForMessages, order.contactEmail],
        [text.placedBy, actorText(order.placedBy)],
        [text.paymentMethod, order.payment?.method || text.customersBalance],
        [text.paymentAttempts, order.payment && count(order.payment.attempt)],
        [text.declined, order.payment?.declineReason],
        [text.payments, payments.length > 0 && <PaymentLinks ids={payments.map(({ id }) => id)} />],
        [text.payUntil, order.expireTime && time(order.expireTime)],
        [
          text.shipsTo,
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
        [text.trackingNumber, order.trackingNumber || shipment?.trackingNumber],
        [text.workflow, workflow],
        [
          text.cart,
          order.cartId && (
            <To key="cart" parts={["orders"]} search={{ cart: order.cartId }}>
              {order.cartId}
            </To>
          ),
        ],
        [text.created, time(order.createTime)],
        [text.changed, time(order.updateTime)],
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
  const text = useTexts(ordersTexts);
  const { counted, money } = useShow();
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
        {text.waitsForPerson}
      </Title>
      {open.map((incident) => (
        <Alert key={incident.id} color="red" variant="outline" title={text.incident(incident.step)}>
          <Text size="sm">{text.errorAfter(incident.error, counted(text.rounds, incident.attempts))}</Text>
          <Group gap="xs" mt="xs">
            <IncidentActions incident={incident} />
            <To parts={["incidents", incident.id]}>{text.details}</To>
          </Group>
        </Alert>
      ))}
      {refused.map((refund) => (
        <Alert key={refund.id} color="red" variant="outline" title={text.refundRefused(money(refund.amount))}>
          <Text size="sm">{refund.failureReason}</Text>
          <Group gap="xs" mt="xs">
            <RefundActions refund={refund} />
          </Group>
        </Alert>
      ))}
      {recall !== "" && (
        <Alert color="red" variant="outline" title={text.notGivenBack}>
          <Text size="sm">{recall}</Text>
          {isOperator && (
            <Group mt="xs">
              <Action
                name="recall"
                label={text.askCarrier}
                explanation={text.askCarrierExplanation}
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
function reasonFieldsOf(text: (typeof ordersTexts)["en"]): readonly ActionField[] {
  return [
    { name: "reason", label: text.shopsReason, kind: "area", maxLength: 500, description: text.notSeen },
    { name: "publicReason", label: text.publicReason, kind: "area", maxLength: 500 },
  ];
}

const soon = { seconds: 5n, nanos: 0 };

function OrderActions({ records: { order, payments = [] } }: { records: OrderRecords }) {
  const text = useTexts(ordersTexts);
  const { language, money } = useShow();
  const reasonFields = reasonFieldsOf(text);
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
          label={text.cancel}
          danger
          explanation={text.cancelExplanation}
          fields={reasonFields}
          run={({ reason = "", publicReason = "" }) =>
            call(OrderService.method.cancelOrder, { id: order.id, reason, publicReason, waitAtMost: soon })
          }
        />
      )}
      {isRefundable && (
        <Action
          name="refund"
          label={text.refund}
          explanation={text.refundExplanation(money({ currencyCode: currency, minorUnits: left }))}
          fields={[
            {
              name: "amount",
              label: text.amountIn(currency),
              description: text.amountHint,
              initial: amountText(left, currency, language),
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
              ...(amount.trim() === "" ? {} : { amount: readAmount(amount, currency, language) }),
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
