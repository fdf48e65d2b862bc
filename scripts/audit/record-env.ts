import { serviceTokenEnv, serviceTokensOf } from "@sagacart/chassis/auth/env";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { type Env, optional, readEnv, text } from "@sagacart/chassis/process/config";
import type { Log } from "@sagacart/chassis/process/log";
import type { Tls } from "@sagacart/chassis/tls/files";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import type { RecordedAuditOptions } from "./record.ts";

/**
 * Connects to the order service at ORDER_ADDRESS, as the program `audit`, to record verdicts. Returns undefined without an
 * address. Throws ConfigError if the variables of the token are missing.
 */
export function auditRecords(env: Env, { log, tls }: { log: Log; tls: Tls | undefined }) {
  const { ORDER_ADDRESS: address } = readEnv({ ORDER_ADDRESS: optional(text()) }, env);
  if (address === undefined) {
    return undefined;
  }
  const config = readEnv({ ...serviceTokenEnv(), AUTH_AUDIENCE: text({ default: "sagacart" }) }, env);
  const tokens = serviceTokensOf(config, log);
  const channel = openChannel(address, { tls, tokens });
  return createServiceClient(AuditService, channel) satisfies RecordedAuditOptions["audits"];
}
