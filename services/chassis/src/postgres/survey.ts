import { setTimeout } from "node:timers/promises";
import { Gauge } from "prom-client";
import type { Log } from "../process/log.ts";
import { startLoop } from "../process/loop.ts";
import type { Metrics } from "../process/metrics.ts";
import { takeLead } from "./leader-lock.ts";
import { createPool, type Queryable } from "./pool.ts";

/**
 * What is asked of the database now and then for gauges. The columns of the answer are named as the gauges and labels
 * are; each row is a series. It must be cheap whatever there is: by an index, over what is open, or with a limit.
 */
export type Question = {
  /** What each gauge says, by its name. */
  readonly gauges: Readonly<Record<string, string>>;
  readonly labels: readonly string[];
  readonly sql: string;
};

export type SurveyOptions = {
  /** Of the database. It is asked over two connections that are not the pool's. */
  url: string;
  applicationName: string;
  log: Log;
  metrics: Metrics;
  questions: readonly Question[];
  everyMs?: number;
};

/**
 * Asks all the questions every 15 s. Of several processes only one does, and only that one has the gauges: a sum over
 * the processes is true. `sagacart_survey_timestamp_seconds` says when it was asked last.
 */
export function startSurvey(options: SurveyOptions): AsyncDisposable {
  const { url, applicationName, log, metrics, questions, everyMs = 15_000 } = options;
  const pool = createPool({ url, size: 2, applicationName: `${applicationName} survey`, log });
  const asked = new Gauge({
    name: "sagacart_survey_timestamp_seconds",
    help: "When the gauges that are read from the database were read last; of the process that reads them.",
    registers: [metrics],
  });
  // A gauge without labels is born as 0, which would not be true of the processes that do not ask.
  asked.remove();
  const meters = questions.map((question) => createMeters(question, metrics));
  const loop = startLoop({
    name: "survey",
    log,
    async run(signal) {
      const lead = await takeLead(pool, "sagacart.survey");
      if (lead === undefined) {
        return { waitMs: everyMs };
      }
      const ended = AbortSignal.any([signal, lead.lost]);
      try {
        while (!ended.aborted) {
          for (const meter of meters) {
            await meter.ask(pool);
          }
          asked.set(Date.now() / 1_000);
          await setTimeout(everyMs, undefined, { signal: ended }).catch(() => {});
        }
      } finally {
        // What is known no more is not told: another process leads, or nobody knows.
        for (const meter of meters) {
          meter.forget();
        }
        asked.remove();
        lead.give();
      }
      return { waitMs: everyMs };
    },
  });
  return {
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}

type Row = Readonly<Record<string, string | number | bigint | null>>;

/** The rows of a question; what they lack is 0. */
export async function ask(db: Queryable, { sql }: Question): Promise<Row[]> {
  const { rows } = await db.query<Row>(sql);
  return rows;
}

function createMeters(question: Question, metrics: Metrics) {
  const { labels } = question;
  const gauges = Object.entries(question.gauges).map(
    ([name, help]) => [name, new Gauge({ name, help, labelNames: labels, registers: [metrics] })] as const,
  );
  const forget = () => {
    for (const [, gauge] of gauges) {
      if (labels.length === 0) {
        gauge.remove();
      } else {
        gauge.reset();
      }
    }
  };
  forget();
  return {
    forget,
    async ask(db: Queryable): Promise<void> {
      const rows = await ask(db, question);
      // A series that is gone from the answer, such as the last incident of a step, must go here too.
      forget();
      for (const row of rows) {
        const of = Object.fromEntries(labels.map((label) => [label, String(row[label] ?? "")]));
        for (const [name, gauge] of gauges) {
          gauge.set(of, Number(row[name] ?? 0));
        }
      }
    },
  };
}
