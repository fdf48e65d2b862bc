import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import type { Audit, Audit_Law } from "@sagacart/proto/order/v1/audit";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import { useAddress, usePathPart } from "../address.ts";
import classes from "../console.module.css";
import { type Column, Facts, Heading, ListPage, listOptions, Rows, refreshMs, Waiting } from "../list.tsx";
import { count, time } from "../show.ts";
import { To } from "../to.tsx";
import { AuditBadge, Breaches } from "./last-audit.tsx";

/** The audits, newest first. */
export function AuditsPage() {
  const { texts } = useAddress("page");
  const query = useQuery(AuditService.method.listAudits, { pageToken: texts.page ?? "" }, listOptions);
  return (
    <ListPage
      title="Audits"
      explanation="Each reads the laws of the shop in all databases. One that failed or did not finish says nothing about them."
      query={query}
      rowsOf={({ audits }) => audits}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No audit has run yet."
    />
  );
}

const columns: readonly Column<Audit>[] = [
  { head: "Began", cell: ({ id, startTime }) => <To parts={["audits", id]}>{time(startTime)}</To> },
  { head: "Verdict", cell: (audit) => <AuditBadge audit={audit} /> },
  { head: "Ended", cell: ({ endTime }) => time(endTime) },
  { head: "Why it failed", cell: ({ failure }) => <span className={classes.wrap}>{failure}</span> },
];

/** One audit: what it read of each law, and what it found. */
export function AuditPage() {
  const id = usePathPart("id");
  const query = useQuery(AuditService.method.getAudit, { id }, { refetchInterval: refreshMs });
  const audit = query.data?.audit;
  return (
    <Stack>
      <Heading title={`Audit ${id}`} />
      <Waiting query={query} label="the audit" />
      {audit !== undefined && (
        <>
          <Facts
            facts={[
              ["Verdict", <AuditBadge key="verdict" audit={audit} />],
              ["Began", time(audit.startTime)],
              ["Ended", audit.endTime && time(audit.endTime)],
              ["Why it failed", audit.failure],
            ]}
          />
          <Breaches audit={audit} most={1_000} />
          {audit.laws.length > 0 && (
            <>
              <Title order={2} size="h4">
                Laws
              </Title>
              <Rows label="Laws" rows={audit.laws} keyOf={({ law }) => String(law)} columns={lawColumns} />
            </>
          )}
        </>
      )}
    </Stack>
  );
}

const lawColumns: readonly Column<Audit_Law>[] = [
  { head: "Law", cell: ({ law, statement }) => <span className={classes.wrap}>{`${law}. ${statement}`}</span> },
  { head: "Breaches", cell: ({ breachCount }) => count(breachCount), numeric: true },
  { head: "Read", cell: ({ checked }) => <span className={classes.wrap}>{checked.join(", ")}</span> },
];
