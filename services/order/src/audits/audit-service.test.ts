import { type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { type Audit, type Audit_LawSchema, Audit_State } from "@sagacart/proto/order/v1/audit";
import { AuditService, ListAuditsResponseSchema } from "@sagacart/proto/order/v1/audit_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startOrderService, type TestOrderService } from "../testing/order.ts";

let service: TestOrderService;
beforeAll(async () => {
  service = await startOrderService();
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(() => service.pool.query("delete from audits"));

const audits = () => createClient(AuditService, inMemory(service.routes, "order.sagacart"));
type Law = MessageInitShape<typeof Audit_LawSchema>;
const clean: Law = { law: 1, statement: "Money is conserved.", checked: ["3 accounts"] };
const breached: Law = { ...clean, breachCount: 2, breaches: ["account a is below zero", "account b is below zero"] };
const verdict = (laws: Law[]) => ({ case: "verdict", value: { laws } }) as const;
const begin = async (id: string) => (await audits().beginAudit({ id })).audit;
const end = async (id: string, laws: Law[]) => (await audits().endAudit({ id, end: verdict(laws) })).audit;
const newest = async () => (await audits().listAudits({ pageSize: 1 })).audits[0];
/** Makes an audit silent for so many seconds. */
const silent = (id: string, seconds: number) =>
  service.pool.query("update audits set seen_time = seen_time - $2 * interval '1 s' where id = $1", [id, seconds]);

test("an audit is running until its program reports the verdict, law by law", async () => {
  expect(await begin("a")).toMatchObject({ id: "a", state: Audit_State.RUNNING, laws: [], failure: "" });
  expect((await newest())?.endTime).toBeUndefined();

  expect(await end("a", [clean])).toMatchObject({
    state: Audit_State.CLEAN,
    laws: [{ law: 1, checked: ["3 accounts"] }],
  });

  await begin("b");
  const found = await end("b", [{ ...clean, law: 2 }, breached]);
  expect(found).toMatchObject({ state: Audit_State.BREACHED, laws: [{ law: 2 }, { law: 1, breachCount: 2 }] });
  expect(found?.laws[1]?.breaches).toEqual(breached.breaches);
  expect(found?.endTime).toBeDefined();
  expect(await newest()).toEqual(found);
  expect((await audits().getAudit({ id: "b" })).audit).toEqual(found);
});

test("an audit that could not read the databases is not clean, and says why", async () => {
  await begin("a");
  const { audit } = await audits().endAudit({ id: "a", end: { case: "failure", value: "stock: connection refused" } });
  expect(audit).toMatchObject({ state: Audit_State.FAILED, failure: "stock: connection refused", laws: [] });
});

test("an audit that was killed did not finish, and holds up no other one", async () => {
  await begin("a");
  await silent("a", 59);
  expect(await newest()).toMatchObject({ id: "a", state: Audit_State.RUNNING });
  await silent("a", 2);
  expect(await newest()).toMatchObject({ id: "a", state: Audit_State.DID_NOT_FINISH });

  expect(await begin("b")).toMatchObject({ id: "b", state: Audit_State.RUNNING });
  expect((await audits().getAudit({ id: "a" })).audit).toMatchObject({ state: Audit_State.DID_NOT_FINISH });
  // It was only slow, and is heard of again: what it found counts.
  expect(await end("a", [clean])).toMatchObject({ state: Audit_State.CLEAN });
});

test("an audit that reports in time goes on running, however long it takes", async () => {
  await begin("a");
  await silent("a", 50);
  await begin("a");
  await silent("a", 50);
  expect(await newest()).toMatchObject({ id: "a", state: Audit_State.RUNNING });
});

test("two audits at once are one, also if they begin at the same moment", async () => {
  const answers = await Promise.all(["a", "b", "c", "d"].map(begin));
  const ids = new Set(answers.map((audit) => audit?.id));
  expect(ids.size).toBe(1);
  expect((await audits().listAudits({})).audits).toHaveLength(1);

  const [first = ""] = [...ids];
  await end(first, [clean]);
  expect(await begin("e")).toMatchObject({ id: "e" });
});

test("the first report stands", async () => {
  await begin("a");
  const first = await end("a", [breached]);
  expect(await end("a", [clean])).toEqual(first);
  expect(await begin("a")).toEqual(first);
});

test("what is not there is not found, and an end without a verdict is refused", async () => {
  const reasonOf = async (call: Promise<unknown>) =>
    call.then(
      () => "OK",
      (error: unknown) => errorInfo(error).reason,
    );
  expect(await reasonOf(audits().getAudit({ id: "none" }))).toBe("AUDIT_NOT_FOUND");
  expect(await reasonOf(end("none", [clean]))).toBe("AUDIT_NOT_FOUND");
  expect(await reasonOf(audits().endAudit({ id: "none" }))).not.toBe("OK");
  expect(await reasonOf(end("none", []))).not.toBe("AUDIT_NOT_FOUND");
  expect(await reasonOf(audits().listAudits({ pageToken: "made-up" }))).toBe("BAD_PAGE_TOKEN");
});

test("audits are listed newest first, page by page, while more are made", async () => {
  for (const id of ["a", "b", "c"]) {
    await begin(id);
    await end(id, [clean]);
  }
  const first = await audits().listAudits({ pageSize: 2 });
  expect(idsOf(first.audits)).toEqual(["c", "b"]);
  await begin("d");
  const second = await audits().listAudits({ pageSize: 2, pageToken: first.nextPageToken });
  expect(idsOf(second.audits)).toEqual(["a"]);
  expect(second.nextPageToken).toBe("");
});

test("a page of large verdicts ends before the most that an answer may have", async () => {
  const breaches = Array.from({ length: 50 }, (_, index) => `${index} `.padEnd(500, "x"));
  const laws = [1, 2, 3, 4, 5].map((law) => ({ ...clean, law, breachCount: 50, breaches }));
  await begin("a");
  await end("a", laws);
  await service.pool.query(
    `insert into audits (id, state, laws, start_time, end_time)
     select 'a' || n, state, laws, start_time + n * interval '1 s', end_time
     from audits, generate_series(1, 35) as n`,
  );
  const ids = ["a", ...Array.from({ length: 35 }, (_, index) => `a${index + 1}`)];

  const listed: string[] = [];
  let pageToken = "";
  do {
    const page = await audits().listAudits({ pageSize: 200, pageToken });
    expect(page.audits.length).toBeGreaterThan(0);
    expect(toBinary(ListAuditsResponseSchema, page).length).toBeLessThan(4 * 1024 * 1024);
    listed.push(...idsOf(page.audits));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(listed).toEqual(ids.toReversed());
});

test("a verdict that is larger than a page is a page of its own", async () => {
  for (const id of ["small", "large"]) {
    await begin(id);
    await end(id, [breached]);
  }
  // Larger than what a report may have now.
  await service.pool.query(
    `update audits
     set laws = jsonb_build_array(laws->0 || jsonb_build_object('breaches', array_fill(repeat('x', 350000), array[10])))
     where id = 'large'`,
  );
  const first = await audits().listAudits({});
  expect(idsOf(first.audits)).toEqual(["large"]);
  expect(idsOf((await audits().listAudits({ pageToken: first.nextPageToken })).audits)).toEqual(["small"]);
});

test("the newest thousand are kept", async () => {
  await service.pool.query(
    `insert into audits (id, state, start_time, end_time)
     select 'old-' || n, 'CLEAN', now() - n * interval '1 min', now() from generate_series(1, 1005) as n`,
  );
  await begin("new");
  const { rows } = await service.pool.query("select count(*)::integer as count, min(start_time) as oldest from audits");
  expect(rows[0].count).toBe(1_000);
  expect(idsOf((await audits().listAudits({ pageSize: 2 })).audits)).toEqual(["new", "old-1"]);
});

function idsOf(some: readonly Audit[]): string[] {
  return some.map(({ id }) => id);
}
