import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { type Audit, Audit_State, AuditSchema } from "@sagacart/proto/order/v1/audit";
import { AuditService, type EndAuditRequestSchema } from "@sagacart/proto/order/v1/audit_service";
import { expect, test } from "vitest";
import type { Report } from "./finding.ts";
import { recordedAudit } from "./record.ts";

const clean: Report[] = [{ law: 1, checked: ["3 accounts"], findings: [] }];
const breached: Report[] = [
  { law: 1, checked: ["3 accounts"], findings: [{ law: 1, what: "account a is below zero" }] },
  { law: 2, checked: [], findings: [] },
];

/** Keeps audits as the order service does, which has tests of its own. */
function records(audits = new Map<string, Audit>(), down: { begin?: boolean; end?: Code[] } = {}) {
  const begun: string[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(AuditService, {
      beginAudit({ id }) {
        if (down.begin) throw new ConnectError("connection refused", Code.Unavailable);
        begun.push(id);
        const running = [...audits.values()].find(({ state }) => state === Audit_State.RUNNING);
        const audit = running ?? create(AuditSchema, { id, state: Audit_State.RUNNING });
        audits.set(audit.id, audit);
        return { audit };
      },
      endAudit({ id, end }) {
        const code = down.end?.shift();
        if (code !== undefined) throw new ConnectError("it does not work", code);
        const laws = end.case === "verdict" ? end.value.laws : [];
        const isBreached = laws.some(({ breachCount }) => breachCount > 0);
        const state = end.case === "failure" ? "FAILED" : isBreached ? "BREACHED" : "CLEAN";
        const failure = end.case === "failure" ? end.value : "";
        const audit = create(AuditSchema, { id, state: Audit_State[state], laws, failure });
        audits.set(id, audit);
        return { audit };
      },
      getAudit: ({ id }) => ({ audit: audits.get(id)! }),
    });
  });
  const said: string[] = [];
  const options = { audits: createClient(AuditService, transport), say: (line: string) => said.push(line), pollMs: 5 };
  const all = () => [...audits.values()];
  return { audits, all, begun, said, options };
}

test.each([
  ["CLEAN", clean],
  ["BREACHED", breached],
] as const)("an audit is recorded as %s, with what it found by law", async (state, reports) => {
  const { options, all, said } = records();
  expect(await recordedAudit({ ...options, audit: async () => reports })).toEqual(reports);
  expect(all()).toMatchObject([
    {
      state: Audit_State[state],
      laws: reports.map(({ law, checked, findings }) => ({
        law,
        checked,
        breachCount: findings.length,
        breaches: findings.map(({ what }) => what),
      })),
    },
  ]);
  expect(all()[0]?.laws[0]?.statement).toBe("Money is conserved.");
  expect(said).toEqual([]);
});

test("an audit that cannot read a database fails, and is recorded as failed with the reason", async () => {
  const { options, all } = records();
  const audit = () => Promise.reject(new Error("connect ECONNREFUSED stock\0"));
  await expect(recordedAudit({ ...options, audit })).rejects.toThrow("ECONNREFUSED");
  expect(all()).toMatchObject([{ state: Audit_State.FAILED, failure: "connect ECONNREFUSED stock\uFFFD" }]);
});

type End = NonNullable<MessageInitShape<typeof EndAuditRequestSchema>["end"]>;

test.each<[string, End]>([
  ["clean", { case: "verdict", value: { laws: [{ law: 1 }] } }],
  ["a breach", { case: "verdict", value: { laws: [{ law: 3, breachCount: 1, breaches: ["order 1 is stalled"] }] } }],
  ["a failure", { case: "failure", value: "stock is away" }],
] as const)(
  "while another audit runs, its end is waited for, and the verdict is one's own: it was %s",
  async (_, end) => {
    const other = create(AuditSchema, { id: "other", state: Audit_State.RUNNING });
    const { options, all, said } = records(new Map([["other", other]]));
    let reads = 0;
    const waiting = recordedAudit({
      ...options,
      audit: async () => {
        reads++;
        return breached;
      },
    });
    await expect.poll(() => said).toEqual(["audit: another one has been running; waiting for its end"]);
    expect(reads).toBe(0);
    await options.audits.endAudit({ id: "other", end });

    expect(await waiting).toEqual(breached);
    expect(reads).toBe(1);
    expect(all().map(({ state }) => state)).toEqual([expect.any(Number), Audit_State.BREACHED]);
  },
);

test("one that was killed is waited for until it counts as that", async () => {
  const killed = records(new Map([["other", create(AuditSchema, { id: "other", state: Audit_State.RUNNING })]]));
  const again = recordedAudit({ ...killed.options, audit: async () => breached });
  await expect.poll(() => killed.said.length).toBe(1);
  killed.audits.set("other", create(AuditSchema, { id: "other", state: Audit_State.DID_NOT_FINISH }));
  expect(await again).toEqual(breached);
  expect(killed.all().map(({ state }) => state)).toEqual([Audit_State.DID_NOT_FINISH, Audit_State.BREACHED]);
});

test("one that never ends does not keep others from reading", async () => {
  const { options, all, said } = records(
    new Map([["other", create(AuditSchema, { id: "other", state: Audit_State.RUNNING })]]),
  );
  expect(await recordedAudit({ ...options, waitForMs: 20, audit: async () => breached })).toEqual(breached);
  expect(said.at(-1)).toBe("audit: not recorded: the other one goes on");
  expect(all()).toHaveLength(1);
});

test("the verdict is reported again after errors that pass", async () => {
  const end = [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Aborted];
  const { options, all, said } = records(new Map(), { end });
  expect(await recordedAudit({ ...options, endPauseMs: 1, audit: async () => breached })).toEqual(breached);
  expect(all()).toMatchObject([{ state: Audit_State.BREACHED }]);
  expect(said).toEqual([]);
});

test("a failure is reported again, too", async () => {
  const { options, all } = records(new Map(), { end: [Code.Unavailable] });
  const audit = () => Promise.reject(new Error("stock is away"));
  await expect(recordedAudit({ ...options, endPauseMs: 1, audit })).rejects.toThrow("stock is away");
  expect(all()).toMatchObject([{ state: Audit_State.FAILED, failure: "stock is away" }]);
});

test.each([
  ["begin", { begin: true }],
  ["end, for longer than it is tried", { end: Array.from({ length: 1_000 }, () => Code.Unavailable) }],
  ["end, which would not be other the next time", { end: [Code.PermissionDenied] }],
])("the audit runs, and it is said, if its record cannot be written at the %s", async (_, down) => {
  const { options: usual, said } = records(new Map(), down);
  const options = { ...usual, endForMs: 20, endPauseMs: 1 };
  expect(await recordedAudit({ ...options, audit: async () => breached })).toEqual(breached);
  expect(said).toEqual([expect.stringContaining("audit: not recorded: ")]);
});

test("an audit that takes long is reported again and again, and not after its end", async () => {
  const { options, begun } = records();
  const { promise, resolve } = Promise.withResolvers<Report[]>();
  const running = recordedAudit({ ...options, renewMs: 5, audit: () => promise });
  await expect.poll(() => begun.length).toBeGreaterThan(3);
  resolve(clean);
  await running;
  const ended = begun.length;
  await new Promise((later) => setTimeout(later, 40));
  expect(begun.length).toBe(ended);
  expect(new Set(begun).size).toBe(1);
});

test("an audit that hangs is not reported for ever", async () => {
  const { options, begun, all } = records();
  const { promise, resolve } = Promise.withResolvers<Report[]>();
  const running = recordedAudit({ ...options, renewMs: 1, renewForMs: 0, audit: () => promise });
  await new Promise((later) => setTimeout(later, 30));
  expect(begun.length).toBe(1);
  resolve(clean);
  await running;
  expect(all()).toMatchObject([{ state: Audit_State.CLEAN }]);
});

test("much and long text is cut to what the record takes", async () => {
  const { options, all } = records();
  const findings = Array.from({ length: 120 }, (_, index) => ({ law: 5 as const, what: `${index} `.repeat(400) }));
  await recordedAudit({ ...options, audit: async () => [{ law: 5, checked: [], findings }] });
  const [law] = all()[0]?.laws ?? [];
  expect(law).toMatchObject({ breachCount: 120 });
  expect(law?.breaches).toHaveLength(50);
  expect(Math.max(...(law?.breaches ?? []).map(({ length }) => length))).toBe(500);
});
