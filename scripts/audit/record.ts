import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { backoffMs } from "@sagacart/chassis/time/backoff";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Audit_LawSchema, Audit_State } from "@sagacart/proto/order/v1/audit";
import type { AuditService, EndAuditRequestSchema } from "@sagacart/proto/order/v1/audit_service";
import type { Report } from "./finding.ts";
import { titles } from "./print.ts";

export type RecordedAuditOptions = {
  readonly audits: Pick<Client<typeof AuditService>, "beginAudit" | "endAudit" | "getAudit">;
  /** Runs one audit. */
  readonly audit: () => Promise<readonly Report[]>;
  /** Says something to the person at the terminal. */
  readonly say: (line: string) => void;
  /** How often it is reported that the audit goes on: far below the minute after which it counts as killed. */
  readonly renewMs?: number;
  /** For how long that is reported. One that hangs must not hold up all others: then it counts as killed. */
  readonly renewForMs?: number;
  /** How often another audit is asked whether it has ended. */
  readonly pollMs?: number;
  /** How long another audit is waited for. */
  readonly waitForMs?: number;
  /** For how long recording the verdict is tried. */
  readonly endForMs?: number;
  /** The pause before it is tried again; it doubles up to 5 s. */
  readonly endPauseMs?: number;
};

/**
 * Runs an audit and records its verdict with the order service. While another one runs, it waits for its end first, for a quarter
 * of an hour at most, so that two at once do not read the databases together. It reads them itself in any case: the other one may
 * have read a database before the last change, and its record is no proof. The record is for people to see: where it cannot be
 * written, for example since the service is down, the audit runs as well, and it is said.
 */
export async function recordedAudit(options: RecordedAuditOptions): Promise<readonly Report[]> {
  const { audits, audit, say, renewMs = 15_000, renewForMs = 3_600_000, pollMs = 1_000, waitForMs = 900_000 } = options;
  const { endForMs = 30_000, endPauseMs = 500 } = options;
  const id = uuidv7();
  const unrecorded = (error: unknown) => say(`audit: not recorded: ${messageOf(error)}`);
  const waitUntilMs = performance.now() + waitForMs;
  for (;;) {
    try {
      const { audit: running } = await audits.beginAudit({ id }, callOptions);
      if (running !== undefined && running.id !== id) {
        const since = running.startTime === undefined ? "" : ` since ${timestampDate(running.startTime).toISOString()}`;
        say(`audit: another one has been running${since}; waiting for its end`);
        await ended(running.id, audits, { pollMs, untilMs: waitUntilMs });
        if (performance.now() < waitUntilMs) {
          continue;
        }
        say("audit: not recorded: the other one goes on");
        return await audit();
      }
    } catch (error) {
      unrecorded(error);
      return await audit();
    }
    return await recordOwn(id);
  }

  async function recordOwn(own: string): Promise<readonly Report[]> {
    const untilMs = performance.now() + renewForMs;
    const timer = setInterval(() => {
      if (performance.now() < untilMs) {
        // The next one is soon enough.
        void audits.beginAudit({ id: own }, callOptions).catch(() => undefined);
      }
    }, renewMs);
    try {
      const reports = await audit();
      await end({ id: own, end: { case: "verdict", value: { laws: reports.map(lawOf) } } }).catch(unrecorded);
      return reports;
    } catch (error) {
      const failure = printable(messageOf(error).trim() || "unknown error", 2_000);
      await end({ id: own, end: { case: "failure", value: failure } }).catch(unrecorded);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  /** Reports the end, which nobody repeats later: the service may restart right then. Without it, the audit looks killed. */
  async function end(request: MessageInitShape<typeof EndAuditRequestSchema>): Promise<void> {
    const untilMs = performance.now() + endForMs;
    for (let failures = 0; ; failures++) {
      try {
        await audits.endAudit(request, callOptions);
        return;
      } catch (error) {
        const pauseMs = backoffMs(failures, { firstMs: endPauseMs, longestMs: 5_000 });
        if (!transient.has(ConnectError.from(error).code) || performance.now() + pauseMs > untilMs) {
          throw error;
        }
        await sleep(pauseMs);
      }
    }
  }
}

const transient: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
]);

/** An audit must not wait for its record. */
const callOptions = { timeoutMs: 10_000 };

/** Resolves when the audit has ended, or the time is over. */
async function ended(
  id: string,
  audits: Pick<Client<typeof AuditService>, "getAudit">,
  { pollMs, untilMs }: { pollMs: number; untilMs: number },
): Promise<void> {
  while (performance.now() < untilMs) {
    const { audit } = await audits.getAudit({ id }, callOptions);
    if (audit?.state !== Audit_State.RUNNING) {
      return;
    }
    await sleep(pollMs);
  }
}

/** The most breaches of a law that are recorded. */
const mostBreaches = 50;

function lawOf({ law, checked, findings }: Report): MessageInitShape<typeof Audit_LawSchema> {
  return {
    law,
    statement: titles[law],
    checked: checked.slice(0, 50).map((text) => printable(text, 500)),
    breachCount: findings.length,
    breaches: findings.slice(0, mostBreaches).map(({ what }) => printable(what, 500)),
  };
}

/** Cuts a text, and replaces NUL characters, which the service refuses. */
function printable(text: string, longest: number): string {
  return text.replaceAll("\0", "\uFFFD").slice(0, longest).toWellFormed();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
