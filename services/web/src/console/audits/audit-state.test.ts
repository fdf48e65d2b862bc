import { create } from "@bufbuild/protobuf";
import { Audit_State, AuditSchema } from "@sagacart/proto/order/v1/audit";
import { expect, test } from "vitest";
import { auditCommand, auditTone, auditWords, hasVerdict } from "./audit-state.ts";

test.each([
  [Audit_State.CLEAN, [], "No breach", "good", true],
  [Audit_State.BREACHED, [{ breachCount: 1 }, {}], "1 breach", "bad", true],
  [Audit_State.BREACHED, [{ breachCount: 1_200 }, { breachCount: 34 }], "1,234 breaches", "bad", true],
  [Audit_State.RUNNING, [], "Running", "neutral", false],
  [Audit_State.FAILED, [], "Failed", "bad", false],
  [Audit_State.DID_NOT_FINISH, [], "Did not finish", "bad", false],
  [Audit_State.UNSPECIFIED, [], "Unknown", "bad", false],
  // One that a newer shop has.
  [99 as Audit_State, [], "Unknown", "bad", false],
])("an audit in state %d with the laws %j is shown as: %s, %s", (state, laws, words, tone, isVerdict) => {
  const audit = create(AuditSchema, { state, laws });
  expect(auditWords(audit, "en")).toBe(words);
  expect(auditTone(audit.state)).toBe(tone);
  expect(hasVerdict(audit)).toBe(isVerdict);
});

test.each([
  [Audit_State.CLEAN, [], "Kein Verstoß"],
  [Audit_State.BREACHED, [{ breachCount: 1 }], "1 Verstoß"],
  [Audit_State.BREACHED, [{ breachCount: 1_234 }], "1.234 Verstöße"],
  [Audit_State.DID_NOT_FINISH, [], "Nicht zu Ende gekommen"],
])("in German, an audit in state %d with the laws %j is shown as: %s", (state, laws, words) => {
  expect(auditWords(create(AuditSchema, { state, laws }), "de")).toBe(words);
});

test.each([
  [
    "shop/sagacart-audit",
    "kubectl -n shop create job --from=cronjob/sagacart-audit sagacart-audit-by-hand-$(date +%s)",
  ],
  [undefined, undefined],
  ["", undefined],
  ["sagacart-audit", undefined],
  ["shop/sagacart-audit; rm -rf /", undefined],
])("the command of the CronJob %j is %j", (cronJob, command) => {
  expect(auditCommand(cronJob)).toBe(command);
});
