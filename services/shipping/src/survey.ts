import type { Question } from "@sagacart/chassis/postgres/survey";
import { commandQuestions, eventQuestions } from "@sagacart/outbox/survey";
import { webhookQuestions } from "@sagacart/provider/survey";

/** The gauges that shipping reads from its database. */
export const questions: readonly Question[] = [
  ...commandQuestions(["SHIPMENT_SETTLED", "RECALL_CHANGED"]),
  ...eventQuestions,
  {
    gauges: {
      sagacart_shipments_pending: "Shipments that the carrier has not decided yet; 100,000 stands for more.",
      sagacart_shipment_pending_oldest_seconds: "How long the oldest of them has been waiting; 0 if there is none.",
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
      sagacart_shipment_recalls_most_tries: "How often the carrier was asked to give back the one with the most tries.",
    },
    labels: [],
    sql: `select count(*) as sagacart_shipment_recalls_pending,
            coalesce(max(recalls), 0) as sagacart_shipment_recalls_most_tries
          from (select recalls from shipments
                where recall_time is not null order by recall_time limit 100000) as recalled`,
  },
  ...webhookQuestions,
];
