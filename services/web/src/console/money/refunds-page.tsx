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
import { useTexts } from "../../i18n/language.tsx";
import { useAddress } from "../address.ts";
import { type Column, Filters, ListPage, listOptions } from "../list.tsx";
import { enumValue } from "../search.ts";
import { To } from "../to.tsx";
import { type Tone, ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { moneyTexts } from "./money-texts.ts";
import { RefundActions } from "./refund-actions.tsx";

/** All refunds, newest first. */
export function RefundsPage() {
  const text = useTexts(moneyTexts);
  const columns = useRefundColumns();
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
      title={text.refunds}
      query={query}
      rowsOf={({ refunds }) => refunds}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noRefund}
      filters={
        <Filters
          filters={[
            { name: "order", label: text.orderId },
            { name: "payment", label: text.paymentId },
            { name: "customer", label: text.customerId },
          ]}
        />
      }
    />
  );
}

function refundTone(state: Refund_State): Tone {
  return state === Refund_State.SUCCEEDED ? "good" : state === Refund_State.PENDING ? "neutral" : "bad";
}

export function useRefundColumns(): readonly Column<Refund>[] {
  const text = useTexts(moneyTexts);
  const { actorText, money, time, words } = useShow();
  return [
    { head: text.refund, cell: ({ id }) => id },
    {
      head: text.state,
      cell: ({ state }) => <ToneBadge tone={refundTone(state)}>{words(Refund_State, state)}</ToneBadge>,
    },
    { head: text.amount, cell: ({ amount }) => money(amount), numeric: true },
    { head: text.payment, cell: ({ paymentId }) => <To parts={["payments", paymentId]}>{paymentId}</To> },
    { head: text.order, cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
    { head: text.source, cell: ({ source }) => words(Refund_Source, source) },
    {
      head: text.reason,
      cell: ({ reason, failureReason }) => [reason, failureReason].filter((part) => part !== "").join(": "),
    },
    { head: text.by, cell: ({ requestedBy }) => actorText(requestedBy) },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
    {
      head: text.actions,
      cell: (refund) => (
        <Group gap="xs" wrap="nowrap">
          <RefundActions refund={refund} />
        </Group>
      ),
    },
  ];
}

/** All disputes, newest first. */
export function DisputesPage() {
  const text = useTexts(moneyTexts);
  const { optionsOf } = useShow();
  const columns = useDisputeColumns();
  const { texts } = useAddress("state", "order", "page");
  const query = useQuery(
    PaymentService.method.listDisputes,
    { state: enumValue(Dispute_State, texts.state), orderId: texts.order ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title={text.disputes}
      explanation={text.disputesExplanation}
      query={query}
      rowsOf={({ disputes }) => disputes}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noDispute}
      filters={
        <Filters
          filters={[
            { name: "state", label: text.state, kind: "select", options: optionsOf(Dispute_State) },
            { name: "order", label: text.orderId },
          ]}
        />
      }
    />
  );
}

export function useDisputeColumns(): readonly Column<Dispute>[] {
  const text = useTexts(moneyTexts);
  const { money, time, words } = useShow();
  return [
    { head: text.dispute, cell: ({ id }) => id },
    {
      head: text.state,
      cell: ({ state }) => (
        <ToneBadge tone={state === Dispute_State.WON ? "good" : "bad"}>{words(Dispute_State, state)}</ToneBadge>
      ),
    },
    { head: text.amount, cell: ({ amount }) => money(amount), numeric: true },
    { head: text.reason, cell: ({ reason }) => reason },
    { head: text.payment, cell: ({ paymentId }) => <To parts={["payments", paymentId]}>{paymentId}</To> },
    { head: text.order, cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
    { head: text.customer, cell: ({ customerId }) => customerId },
    { head: text.opened, cell: ({ createTime }) => time(createTime) },
    { head: text.changed, cell: ({ updateTime }) => time(updateTime) },
  ];
}
