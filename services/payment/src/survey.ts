import type { Question } from "@sagacart/chassis/postgres/survey";
import { commandQuestions, eventQuestions } from "@sagacart/outbox/survey";

/** What is asked of the database of payments for gauges. */
export const questions: readonly Question[] = [
  ...commandQuestions(["PAYMENT_SETTLED", "REFUND_SETTLED"]),
  ...eventQuestions,
  {
    gauges: {
      sagacart_payments_pending:
        "Payments of which the card provider has not said what became; 100,000 stands for more.",
      sagacart_payment_pending_oldest_seconds: "How long the oldest of them waits; 0 where there is none.",
    },
    labels: [],
    sql: `select count(*) as sagacart_payments_pending,
            coalesce(extract(epoch from now() - min(create_time)), 0)::float8 as sagacart_payment_pending_oldest_seconds
          from (select state, create_time from payments
                where next_ask_time is not null order by next_ask_time limit 100000) as asked where state = 'PENDING'`,
  },
  {
    gauges: {
      sagacart_refunds_pending: "Refunds that are not settled; 100,000 stands for more.",
      sagacart_refund_pending_oldest_seconds: "How long the oldest of them waits; 0 where there is none.",
      sagacart_refund_refusals: "How often the provider refused what must be paid back, over all of them.",
    },
    labels: [],
    sql: `select count(*) as sagacart_refunds_pending, coalesce(sum(refusals), 0) as sagacart_refund_refusals,
            coalesce(extract(epoch from now() - min(create_time)), 0)::float8 as sagacart_refund_pending_oldest_seconds
          from (select refusals, create_time from refunds
                where next_ask_time is not null order by next_ask_time limit 100000) as asked`,
  },
  {
    gauges: {
      sagacart_webhook_inbox_waiting: "Webhooks of providers that are stored and not applied; 100,000 stands for more.",
      sagacart_webhook_inbox_oldest_seconds: "How long ago the oldest of them was received; 0 where there is none.",
    },
    labels: [],
    sql: `select count(*) as sagacart_webhook_inbox_waiting,
            coalesce(extract(epoch from now() - min(receive_time)), 0)::float8 as sagacart_webhook_inbox_oldest_seconds
          from (select receive_time from webhooks
                where next_try_time is not null order by next_try_time limit 100000) as kept`,
  },
];
