import type { Question } from "@sagacart/chassis/postgres/survey";

/** What is asked of the database of the notifier for gauges. */
export const questions: readonly Question[] = [
  {
    gauges: { sagacart_webhook_dead_letters: "Webhook deliveries that were given up; 100,000 stands for more." },
    labels: [],
    sql: `select count(*) as sagacart_webhook_dead_letters
          from (select from webhook_deliveries where state = 'DEAD' limit 100000) as dead`,
  },
  {
    gauges: { sagacart_mails_pending: "Messages that are still to be sent by mail; 100,000 stands for more." },
    labels: [],
    sql: `select count(*) as sagacart_mails_pending
          from (select from messages where try_time is not null limit 100000) as pending`,
  },
];
