import type { Question } from "@sagacart/chassis/postgres/survey";
import { commandQuestions, eventQuestions } from "@sagacart/outbox/survey";
import { webhookQuestions } from "@sagacart/provider/survey";

/** The gauges that payment reads from its database. */
export const questions: readonly Question[] = [
  ...commandQuestions(["PAYMENT_SETTLED", "REFUND_SETTLED", "PAY_BACK_CHANGED"]),
  ...eventQuestions,
  {
    gauges: {
      sagacart_payments_pending: "Payments that the card provider has not decided yet; 100,000 stands for more.",
      sagacart_payment_pending_oldest_seconds: "How long the oldest of them has been waiting; 0 if there is none.",
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
      sagacart_refund_pending_oldest_seconds: "How long the oldest of them has been waiting; 0 if there is none.",
    },
    labels: [],
    sql: `select count(*) as sagacart_refunds_pending,
            coalesce(extract(epoch from now() - min(create_time)), 0)::float8 as sagacart_refund_pending_oldest_seconds
          from (select create_time from refunds
                where next_ask_time is not null order by next_ask_time limit 100000) as asked`,
  },
  {
    gauges: {
      sagacart_refunds_refused: "Refunds that the card provider refuses for good, and that an operator has to settle.",
    },
    labels: [],
    sql: `select count(*) as sagacart_refunds_refused
          from (select from refunds where state = 'REFUSED' order by place limit 100000) as refused`,
  },
  ...webhookQuestions,
];
