import { setTimeout } from "node:timers/promises";
import { Gauge } from "prom-client";
import type { Log } from "../process/log.ts";
import { startLoop } from "../process/loop.ts";
import type { Metrics } from "../process/metrics.ts";
import { takeLead } from "./leader-lock.ts";
import { createPool, type Queryable } from "./pool.ts";

/**
 * A query whose result sets gauges. Its columns are named like the gauges and labels; each row is a series. It must be cheap
 * for any amount of data: by an index, over open rows only, or with a limit.
 */
export type Question = {
  /** The help text of each gauge, by its name. */
  readonly gauges: Readonly<Record<string, string>>;
  readonly labels: readonly string[];
  readonly sql: string;
};

export type SurveyOptions = {
  /** The database. The survey opens two connections of its own. */
  url: string;
  applicationName: string;
  log: Log;
  metrics: Metrics;
  questions: readonly Question[];
  everyMs?: number;
};

/**
 * Runs all queries every 15 s. Of several processes only one does, and only that one exports the gauges, so that a sum over
 * the processes is right. `sagacart_survey_timestamp_seconds` is the time of the last run.
 */
export function startSurvey(options: SurveyOptions): AsyncDisposable {
  const { url, applicationName, log, metrics, questions, everyMs = 15_000 } = options;
  const pool = createPool({ url, size: 2, applicationName: `${applicationName} survey`, log });
  const asked = new Gauge({
    name: "sagacart_survey_timestamp_seconds",
    help: "When the gauges that are read from the database were read last; of the process that reads them.",
    registers: [metrics],
  });
  // A gauge without labels starts at 0, which would be wrong in processes that do not run the queries.
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
        // Another process leads from now on, or none: these values are out of date.
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

/** Runs a query and returns its rows; a missing column counts as 0. */
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
      // A series that is no longer in the result, such as a step without incidents, must be removed.
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
