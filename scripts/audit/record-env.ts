import { serviceTokenEnv, serviceTokensOf } from "@sagacart/chassis/auth/env";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { ConfigError, type Env, optional, readEnv, text } from "@sagacart/chassis/process/config";
import type { Log } from "@sagacart/chassis/process/log";
import type { Tls } from "@sagacart/chassis/tls/files";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import type { Report } from "./finding.ts";
import { type RecordedAuditOptions, recordedAudit } from "./record.ts";

export type RecordedRunsOptions = {
  readonly env: Env;
  readonly log: Log;
  readonly tls: Tls | undefined;
  readonly audit: RecordedAuditOptions["audit"];
  readonly say: RecordedAuditOptions["say"];
};

/**
 * Returns a function that runs the audit and records its verdict with the order service at ORDER_ADDRESS, as the program
 * `audit`; without an address it only runs it. Where a variable of the token is missing or wrong, or its file is not there yet,
 * it says so and runs the audit: finding breaches matters more than the record. The next run reads the variables again.
 */
export function recordedRuns({ env, log, tls, audit, say }: RecordedRunsOptions): () => Promise<readonly Report[]> {
  let audits: RecordedAuditOptions["audits"] | undefined;
  return async () => {
    try {
      audits ??= auditRecords(env, { log, tls });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      say(`audit: not recorded: ${error.problems.join("; ")}`);
    }
    return audits === undefined ? await audit() : await recordedAudit({ audits, audit, say });
  };
}

function auditRecords(
  env: Env,
  { log, tls }: { log: Log; tls: Tls | undefined },
): RecordedAuditOptions["audits"] | undefined {
  const { ORDER_ADDRESS: address } = readEnv({ ORDER_ADDRESS: optional(text()) }, env);
  if (address === undefined) {
    return undefined;
  }
  const config = readEnv({ ...serviceTokenEnv(), AUTH_AUDIENCE: text({ default: "sagacart" }) }, env);
  const tokens = serviceTokensOf(config, log);
  return createServiceClient(AuditService, openChannel(address, { tls, tokens }));
}
