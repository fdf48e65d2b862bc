import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import { type Payment, Payment_Kind, Payment_State } from "@sagacart/proto/payment/v1/payment";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { amountText, readAmount } from "../amount.ts";
import { useCall } from "../call.ts";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { actorText, money, time, words } from "../show.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { disputeColumns, refundColumns } from "./refunds-page.tsx";

/** All payments, newest first. */
export function PaymentsPage() {
  const { texts } = useAddress("order", "customer", "page");
  const query = useQuery(
    PaymentService.method.listPayments,
    { orderId: texts.order ?? "", customerId: texts.customer ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title="Payments"
      query={query}
      rowsOf={({ payments }) => payments}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No payment matches."
      filters={
        <Filters
          filters={[
            { name: "order", label: "Order id" },
            { name: "customer", label: "Customer id" },
          ]}
        />
      }
    />
  );
}

function StateBadge({ state }: { state: Payment_State }) {
  const tone = state === Payment_State.CAPTURED ? "good" : state === Payment_State.PENDING ? "neutral" : "bad";
  return <ToneBadge tone={tone}>{words(Payment_State, state)}</ToneBadge>;
}

const columns: readonly Column<Payment>[] = [
  { head: "Payment", cell: ({ id }) => <To parts={["payments", id]}>{id}</To> },
  { head: "State", cell: ({ state }) => <StateBadge state={state} /> },
  { head: "Amount", cell: ({ amount }) => money(amount), numeric: true },
  {
    head: "Paid back",
    cell: ({ refunded }) => (refunded !== undefined && refunded.minorUnits > 0n ? money(refunded) : ""),
    numeric: true,
  },
  { head: "Order", cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
  { head: "Customer", cell: ({ customerId }) => customerId },
  { head: "Method", cell: ({ paymentMethod }) => paymentMethod || "balance" },
  { head: "Declined", cell: ({ declineReason }) => declineReason },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
];

/** One payment with its refunds and disputes. */
export function PaymentPage() {
  const id = usePathPart("id");
  const { texts } = useAddress("refunds", "disputes");
  const call = useCall();
  const query = useQuery(PaymentService.method.getPayment, { id }, { refetchInterval: refreshMs });
  const refunds = useQuery(
    PaymentService.method.listRefunds,
    { paymentId: id, pageToken: texts.refunds ?? "" },
    listOptions,
  );
  const disputes = useQuery(
    PaymentService.method.listDisputes,
    { paymentId: id, pageToken: texts.disputes ?? "" },
    listOptions,
  );
  const payment = query.data?.payment;
  const currency = payment?.amount?.currencyCode ?? "";
  const left =
    (payment?.amount?.minorUnits ?? 0n) - (payment?.refunded?.minorUnits ?? 0n) - (payment?.disputed?.minorUnits ?? 0n);
  return (
    <Stack>
      <Heading
        title={`Payment ${id}`}
        actions={
          payment?.state === Payment_State.CAPTURED &&
          left > 0n && (
            <Action
              name="refund"
              label="Refund"
              explanation={`Up to ${money({ currencyCode: currency, minorUnits: left })} can be paid back. An order's own page tells its customer more.`}
              fields={[
                {
                  name: "amount",
                  label: `Amount in ${currency}`,
                  initial: amountText(left, currency),
                  required: true,
                  maxLength: 20,
                },
                { name: "reason", label: "Reason", kind: "area", maxLength: 500 },
              ]}
              run={({ amount = "", reason = "" }, requestId) =>
                call(PaymentService.method.refundPayment, {
                  paymentId: id,
                  reason,
                  requestId,
                  amount: readAmount(amount, currency),
                })
              }
            />
          )
        }
      />
      <Waiting query={query} label="the payment" />
      {payment !== undefined && (
        <Facts
          facts={[
            ["State", <StateBadge key="state" state={payment.state} />],
            ["Kind", words(Payment_Kind, payment.kind)],
            ["Amount", money(payment.amount)],
            ["Paid back", money(payment.refunded)],
            ["Disputed", payment.disputed !== undefined && payment.disputed.minorUnits > 0n && money(payment.disputed)],
            [
              "Order",
              payment.orderId && (
                <To key="order" parts={["orders", payment.orderId]}>
                  {payment.orderId}
                </To>
              ),
            ],
            ["Attempt", payment.attempt],
            [
              "Customer",
              <To key="customer" parts={["users", payment.customerId]}>
                {payment.customerId}
              </To>,
            ],
            ["Method", payment.paymentMethod || "the customer's balance"],
            ["Declined", payment.declineReason],
            ["The provider's charge", payment.providerChargeId],
            ["Calls to the provider", payment.paymentMethod === "" ? "" : payment.asks],
            ["Created by", actorText(payment.createdBy)],
            [
              "Journal",
              <To key="journal" parts={["journal"]} search={{ payment: id }}>
                Entries of this payment
              </To>,
            ],
            ["Created", time(payment.createTime)],
            ["Changed", time(payment.updateTime)],
          ]}
        />
      )}
      <Title order={2} size="h4">
        Refunds
      </Title>
      <Paged
        label="Refunds"
        query={refunds}
        rowsOf={({ refunds: rows }) => rows}
        keyOf={(row) => row.id}
        columns={refundColumns}
        empty="None."
        pageName="refunds"
      />
      <Title order={2} size="h4">
        Disputes
      </Title>
      <Paged
        label="Disputes"
        query={disputes}
        rowsOf={({ disputes: rows }) => rows}
        keyOf={(row) => row.id}
        columns={disputeColumns}
        empty="None."
        pageName="disputes"
      />
    </Stack>
  );
}
