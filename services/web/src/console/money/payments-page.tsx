import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import { type Payment, Payment_Kind, Payment_State } from "@sagacart/proto/payment/v1/payment";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { amountText, readAmount } from "../amount.ts";
import { useCall } from "../call.ts";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { moneyTexts } from "./money-texts.ts";
import { useDisputeColumns, useRefundColumns } from "./refunds-page.tsx";

/** All payments, newest first. */
export function PaymentsPage() {
  const text = useTexts(moneyTexts);
  const columns = useColumns();
  const { texts } = useAddress("order", "customer", "page");
  const query = useQuery(
    PaymentService.method.listPayments,
    { orderId: texts.order ?? "", customerId: texts.customer ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title={text.payments}
      query={query}
      rowsOf={({ payments }) => payments}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noPayment}
      filters={
        <Filters
          filters={[
            { name: "order", label: text.orderId },
            { name: "customer", label: text.customerId },
          ]}
        />
      }
    />
  );
}

function StateBadge({ state }: { state: Payment_State }) {
  const { words } = useShow();
  const tone = state === Payment_State.CAPTURED ? "good" : state === Payment_State.PENDING ? "neutral" : "bad";
  return <ToneBadge tone={tone}>{words(Payment_State, state)}</ToneBadge>;
}

function useColumns(): readonly Column<Payment>[] {
  const text = useTexts(moneyTexts);
  const { money, time } = useShow();
  return [
    { head: text.payment, cell: ({ id }) => <To parts={["payments", id]}>{id}</To> },
    { head: text.state, cell: ({ state }) => <StateBadge state={state} /> },
    { head: text.amount, cell: ({ amount }) => money(amount), numeric: true },
    {
      head: text.paidBack,
      cell: ({ refunded }) => (refunded !== undefined && refunded.minorUnits > 0n ? money(refunded) : ""),
      numeric: true,
    },
    { head: text.order, cell: ({ orderId }) => orderId !== "" && <To parts={["orders", orderId]}>{orderId}</To> },
    { head: text.customer, cell: ({ customerId }) => customerId },
    { head: text.method, cell: ({ paymentMethod }) => paymentMethod || text.byBalance },
    { head: text.declined, cell: ({ declineReason }) => declineReason },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
  ];
}

/** One payment with its refunds and disputes. */
export function PaymentPage() {
  const text = useTexts(moneyTexts);
  const { actorText, language, money, time, words } = useShow();
  const [refundColumns, disputeColumns] = [useRefundColumns(), useDisputeColumns()];
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
        title={text.paymentOf(id)}
        actions={
          payment?.state === Payment_State.CAPTURED &&
          left > 0n && (
            <Action
              name="refund"
              label={text.refund}
              explanation={text.refundPayment(money({ currencyCode: currency, minorUnits: left }))}
              fields={[
                {
                  name: "amount",
                  label: text.amountIn(currency),
                  initial: amountText(left, currency, language),
                  required: true,
                  maxLength: 20,
                },
                { name: "reason", label: text.reason, kind: "area", maxLength: 500 },
              ]}
              run={({ amount = "", reason = "" }, requestId) =>
                call(PaymentService.method.refundPayment, {
                  paymentId: id,
                  reason,
                  requestId,
                  amount: readAmount(amount, currency, language),
                })
              }
            />
          )
        }
      />
      <Waiting query={query} label={text.thePayment} />
      {payment !== undefined && (
        <Facts
          facts={[
            [text.state, <StateBadge key="state" state={payment.state} />],
            [text.kind, words(Payment_Kind, payment.kind)],
            [text.amount, money(payment.amount)],
            [text.paidBack, money(payment.refunded)],
            [
              text.disputed,
              payment.disputed !== undefined && payment.disputed.minorUnits > 0n && money(payment.disputed),
            ],
            [
              text.order,
              payment.orderId && (
                <To key="order" parts={["orders", payment.orderId]}>
                  {payment.orderId}
                </To>
              ),
            ],
            [text.attempt, payment.attempt],
            [
              text.customer,
              <To key="customer" parts={["users", payment.customerId]}>
                {payment.customerId}
              </To>,
            ],
            [text.method, payment.paymentMethod || text.customersBalance],
            [text.declined, payment.declineReason],
            [text.charge, payment.providerChargeId],
            [text.calls, payment.paymentMethod === "" ? "" : payment.asks],
            [text.createdBy, actorText(payment.createdBy)],
            [
              text.journal,
              <To key="journal" parts={["journal"]} search={{ payment: id }}>
                {text.entriesOfPayment}
              </To>,
            ],
            [text.created, time(payment.createTime)],
            [text.changed, time(payment.updateTime)],
          ]}
        />
      )}
      <Title order={2} size="h4">
        {text.refunds}
      </Title>
      <Paged
        label={text.refunds}
        query={refunds}
        rowsOf={({ refunds: rows }) => rows}
        keyOf={(row) => row.id}
        columns={refundColumns}
        empty={text.none}
        pageName="refunds"
      />
      <Title order={2} size="h4">
        {text.disputes}
      </Title>
      <Paged
        label={text.disputes}
        query={disputes}
        rowsOf={({ disputes: rows }) => rows}
        keyOf={(row) => row.id}
        columns={disputeColumns}
        empty={text.none}
        pageName="disputes"
      />
    </Stack>
  );
}
