import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { Audit_State, type Audit as AuditMessage, AuditSchema } from "@sagacart/proto/order/v1/audit";
import {
  type AuditService,
  BeginAuditResponseSchema,
  EndAuditResponseSchema,
  GetAuditResponseSchema,
  ListAuditsResponseSchema,
} from "@sagacart/proto/order/v1/audit_service";
import { readTimeKey, writeTimeKey } from "../time-key.ts";
import { type Audit, auditNotFound, verdictOf } from "./audit.ts";
import { beginAudit, endAudit, listAudits, loadAudit } from "./audit-store.ts";

/** The handlers of AuditService; its proto documents them. */
export function createAuditService(pool: Pool): ServiceImpl<typeof AuditService> {
  return {
    async listAudits(request) {
      const after = readTimeKey(request.pageToken, "audits");
      const { audits, more } = await listAudits(pool, { after, limit: pageSize(request.pageSize) });
      return create(ListAuditsResponseSchema, {
        audits: audits.map(auditMessage),
        nextPageToken: more === undefined ? "" : writeTimeKey(more, "audits"),
      });
    },

    async getAudit({ id }) {
      return create(GetAuditResponseSchema, { audit: auditMessage(found(await loadAudit(pool, id), id)) });
    },

    async beginAudit({ id }) {
      const audit = await withTransaction(pool, (tx) => beginAudit(tx, id));
      return create(BeginAuditResponseSchema, { audit: auditMessage(audit) });
    },

    async endAudit({ id, end }) {
      // The contract requires one of them.
      const how =
        end.case === "verdict" ? verdictOf(end.value.laws) : ({ state: "FAILED", failure: end.value ?? "" } as const);
      return create(EndAuditResponseSchema, { audit: auditMessage(found(await endAudit(pool, id, how), id)) });
    },
  };
}

function found(audit: Audit | undefined, id: string): Audit {
  if (audit === undefined) {
    throw auditNotFound(id);
  }
  return audit;
}

function auditMessage({ state, startTime, endTime, laws, ...rest }: Audit): AuditMessage {
  return create(AuditSchema, {
    ...rest,
    state: Audit_State[state],
    laws: [...laws],
    startTime: timestampFromDate(startTime),
    ...(endTime === undefined ? {} : { endTime: timestampFromDate(endTime) }),
  });
}
