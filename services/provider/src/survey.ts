import type { Question } from "@sagacart/chassis/postgres/survey";

/** The webhook inbox: what is stored and not applied. */
export const webhookQuestions: readonly Question[] = [
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
  {
    gauges: {
      sagacart_webhook_inbox_parked:
        "Webhooks of providers that could not be applied in many tries, and that an operator has to retry or dismiss.",
    },
    labels: [],
    sql: `select count(*) as sagacart_webhook_inbox_parked
          from (select from webhooks where park_time is not null order by provider, id limit 100000) as parked`,
  },
];
