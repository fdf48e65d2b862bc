import { useQuery } from "@connectrpc/connect-query";
import { Group } from "@mantine/core";
import {
  type Dispute,
  Dispute_State,
  type Refund,
  Refund_Source,
  Refund_State,
} from "@sagacart/proto/payment/v1/payment";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { useAddress } from "../address.ts";
import { type Column, Filters, ListPage, listOptions } from "../list.tsx";
import { enumValue } from "../search.ts";
import { actorText, money, optionsOf, time, words } from "../show.ts";
import { To } from "../to.tsx";
import { type Tone, ToneBadge } from "../tone-badge.tsx";
import { RefundActions } from "./refund-actions.tsx";

/** All refunds, newest first. */
export function RefundsPage() {
  const { texts } = useAddress("order", "payment", "customer", "page");
  const query = useQuery(
    PaymentService.method.listRefunds,
    {
      orderId: texts.order ?? "",
      paymentId: texts.payment ?? "",
      customerId: texts.customer ?? "",
      pageToken: texts.page ?? "",
    },
    listOptions,
  );
  return (
    <ListPage
      title="Refunds"
      query={query}
      rowsOf={({ refunds }) => refunds}
      keyOf={({ id }) => id}
      columns={refundColumns}
      empty="No refund matches."
      filters={
        <Filters
          filters={[
            { name: "order", label: "Order id" },
            { name: "payment", label: "Payment id" },
            { name: "customer", label: "Customer id" },
          ]}
        />
      }
    />
  );
}

function refundTone(state: Refund_State): Tone {
  return state === Refund_State.SUCCEEDED ? "good" : state === Refund_State.PENDING ? "neutral" : "bad";
}

export const refundColumns: readonly Column<Refund>[] = [
  { head: "Refund", cell: ({ id }) => id },
  {
    head: "State",
    cell: ({ state }) => <ToneBadge tone={refundTone(state)}>{words(Refund_State, state)}</ToneBadge>,
  },
  { head: "Amount", cell: ({ amount }) => money(amount), numeric: true },
  { head: "Payment", cell: ({ paymentId }) => <To parts={["payments", paymentId]}>{paymentId}</To> },
  { head: "Order", cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
  { head: "Source", cell: ({ source }) => words(Refund_Source, source) },
  {
    head: "Reason",
    cell: ({ reason, failureReason }) => [reason, failureReason].filter((part) => part !== "").join(": "),
  },
  { head: "By", cell: ({ requestedBy }) => actorText(requestedBy) },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
  {
    head: "Actions",
    cell: (refund) => (
      <Group gap="xs" wrap="nowrap">
        <RefundActions refund={refund} />
      </Group>
    ),
  },
];

/** All disputes, newest first. */
export function DisputesPage() {
  const { texts } = useAddress("state", "order", "page");
  const query = useQuery(
    PaymentService.method.listDisputes,
    { state: enumValue(Dispute_State, texts.state), orderId: texts.order ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title="Disputes"
      explanation="Charges that a customer's bank takes back, until the card provider decides. They are answered at the provider."
      query={query}
      rowsOf={({ disputes }) => disputes}
      keyOf={({ id }) => id}
      columns={disputeColumns}
      empty="No dispute matches."
      filters={
        <Filters
          filters={[
            { name: "state", label: "State", kind: "select", options: optionsOf(Dispute_State) },
            { name: "order", label: "Order id" },
          ]}
        />
      }
    />
  );
}

export const disputeColumns: readonly Column<Dispute>[] = [
  { head: "Dispute", cell: ({ id }) => id },
  {
    head: "State",
    cell: ({ state }) => (
      <ToneBadge tone={state === Dispute_State.WON ? "good" : "bad"}>{words(Dispute_State, state)}</ToneBadge>
    ),
  },
  { head: "Amount", cell: ({ amount }) => money(amount), numeric: true },
  { head: "Reason", cell: ({ reason }) => reason },
  { head: "Payment", cell: ({ paymentId }) => <To parts={["payments", paymentId]}>{paymentId}</To> },
  { head: "Order", cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
  { head: "Customer", cell: ({ customerId }) => customerId },
  { head: "Opened", cell: ({ createTime }) => time(createTime) },
  { head: "Changed", cell: ({ updateTime }) => time(updateTime) },
];
