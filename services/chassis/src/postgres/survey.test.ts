import { afterAll, beforeAll, expect, test } from "vitest";
import { createMetrics } from "../process/metrics.ts";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { silentLog } from "../testing/log.ts";
import { type Question, startSurvey } from "./survey.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query("create table things (kind text, size int8)");
});
afterAll(() => database?.[Symbol.asyncDispose]());

const question: Question = {
  gauges: { things: "How many things there are.", things_size: "How large they are together." },
  labels: ["kind"],
  sql: "select kind, count(*) as things, sum(size)::int8 as things_size from things group by kind",
};

function survey(metrics = createMetrics("test")) {
  const { url } = database;
  const running = startSurvey({
    ...{ url, applicationName: "test", log: silentLog, metrics, everyMs: 20 },
    questions: [question],
  });
  return { metrics, running };
}

test("each row of the result is a series, and is removed with the row", async () => {
  await database.pool.query("insert into things values ('box', 5), ('box', 6), ('bag', null)");
  const { metrics, running } = survey();
  await expect.poll(() => metrics.getSingleMetricAsString("things")).toContain('things{kind="box",app="test"} 2');
  const sizes = await metrics.getSingleMetricAsString("things_size");
  expect(sizes).toContain('things_size{kind="box",app="test"} 11');
  expect(sizes).toContain('things_size{kind="bag",app="test"} 0');

  await database.pool.query("delete from things where kind = 'box'");
  await expect.poll(() => metrics.getSingleMetricAsString("things")).not.toContain("box");
  await running[Symbol.asyncDispose]();
});

test("of two processes one exports the gauges, and the other takes over when it ends", async () => {
  await database.pool.query("truncate things");
  await database.pool.query("insert into things values ('box', 1)");
  const both = [survey(), survey()];
  const telling = async () => {
    const texts = await Promise.all(both.map(({ metrics }) => metrics.metrics()));
    return texts.map(
      (text) => text.includes('things{kind="box"') && /^sagacart_survey_timestamp_seconds\{/m.test(text),
    );
  };
  await expect.poll(telling).toContain(true);
  const exporting = await telling();
  expect(exporting).toContain(false);

  const first = exporting.indexOf(true);
  await both[first]!.running[Symbol.asyncDispose]();
  await expect.poll(async () => (await telling())[1 - first]).toBe(true);
  expect((await telling())[first]).toBe(false);
  await both[1 - first]!.running[Symbol.asyncDispose]();
});

test("gauges that can no longer be read are removed", async () => {
  await database.pool.query("truncate things");
  await database.pool.query("insert into things values ('box', 1)");
  const { metrics, running } = survey();
  const isExported = async () => (await metrics.metrics()).includes('things{kind="box"');
  await expect.poll(isExported).toBe(true);
  await database.pool.query("alter table things rename to others");
  await expect.poll(isExported).toBe(false);
  await database.pool.query("alter table others rename to things");
  await expect.poll(isExported).toBe(true);
  await running[Symbol.asyncDispose]();
});
