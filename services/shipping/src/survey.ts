import type { Question } from "@sagacart/chassis/postgres/survey";
import { commandQuestions, eventQuestions } from "@sagacart/outbox/survey";

/** What is asked of the database of shipments for gauges. */
export const questions: readonly Question[] = [
  ...commandQuestions(["SHIPMENT_SETTLED"]),
  ...eventQuestions,
  {
    gauges: {
      sagacart_shipments_pending:
        "Shipments of which the carrier has not said whether it takes them; 100,000: or more.",
      sagacart_shipment_pending_oldest_seconds: "How long the oldest of them waits; 0 where there is none.",
    },
    labels: [],
    sql: `select count(*) as sagacart_shipments_pending,
            coalesce(extract(epoch from now() - min(create_time)), 0)::float8 as sagacart_shipment_pending_oldest_seconds
          from (select create_time from shipments
                where ask_time is not null order by ask_time limit 100000) as asked`,
  },
  {
    gauges: {
      sagacart_shipment_recalls_pending: "Cancelled shipments that the carrier is still to give back.",
      sagacart_shipment_recalls_most_tries: "How often the carrier was asked for the one that was asked for most.",
    },
    labels: [],
    sql: `select count(*) as sagacart_shipment_recalls_pending,
            coalesce(max(recalls), 0) as sagacart_shipment_recalls_most_tries
          from (select recalls from shipments
                where recall_time is not null order by recall_time limit 100000) as recalled`,
  },
  {
    gauges: {
      sagacart_webhook_inbox_waiting: "Webhooks of carriers that are stored and not applied; 100,000 stands for more.",
      sagacart_webhook_inbox_oldest_seconds: "How long ago the oldest of them was received; 0 where there is none.",
    },
    labels: [],
    sql: `select count(*) as sagacart_webhook_inbox_waiting,
            coalesce(extract(epoch from now() - min(receive_time)), 0)::float8 as sagacart_webhook_inbox_oldest_seconds
          from (select receive_time from webhook_inbox where process_time is null limit 100000) as kept`,
  },
];
