import type { Question } from "@sagacart/chassis/postgres/survey";

/** Queries for gauges, asked of the notifier's database. */
export const questions: readonly Question[] = [
  {
    gauges: {
      sagacart_webhook_dead_letters: "Webhook deliveries that were given up; 100,000 means that many or more.",
    },
    labels: [],
    sql: `select count(*) as sagacart_webhook_dead_letters
          from (select from webhook_deliveries where state = 'DEAD' limit 100000) as dead`,
  },
  {
    gauges: { sagacart_mails_pending: "Messages still to be sent by mail; 100,000 means that many or more." },
    labels: [],
    sql: `select count(*) as sagacart_mails_pending
          from (select from messages where try_time is not null limit 100000) as pending`,
  },
];
