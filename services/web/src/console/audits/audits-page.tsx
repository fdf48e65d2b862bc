import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import type { Audit, Audit_Law } from "@sagacart/proto/order/v1/audit";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import { useTexts } from "../../i18n/language.tsx";
import { useAddress, usePathPart } from "../address.ts";
import classes from "../console.module.css";
import { type Column, Facts, Heading, ListPage, listOptions, Rows, refreshMs, Waiting } from "../list.tsx";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { auditTexts } from "./audit-texts.ts";
import { AuditBadge, Breaches } from "./last-audit.tsx";

/** The audits, newest first. */
export function AuditsPage() {
  const text = useTexts(auditTexts);
  const columns = useColumns();
  const { texts } = useAddress("page");
  const query = useQuery(AuditService.method.listAudits, { pageToken: texts.page ?? "" }, listOptions);
  return (
    <ListPage
      title={text.audits}
      explanation={text.explanation}
      query={query}
      rowsOf={({ audits }) => audits}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noneYet}
    />
  );
}

function useColumns(): readonly Column<Audit>[] {
  const text = useTexts(auditTexts);
  const { time } = useShow();
  return [
    { head: text.began, cell: ({ id, startTime }) => <To parts={["audits", id]}>{time(startTime)}</To> },
    { head: text.verdict, cell: (audit) => <AuditBadge audit={audit} /> },
    { head: text.ended, cell: ({ endTime }) => time(endTime) },
    { head: text.whyFailed, cell: ({ failure }) => <span className={classes.wrap}>{failure}</span> },
  ];
}

/** One audit: what it read of each law, and what it found. */
export function AuditPage() {
  const text = useTexts(auditTexts);
  const { time } = useShow();
  const lawColumns = useLawColumns();
  const id = usePathPart("id");
  const query = useQuery(AuditService.method.getAudit, { id }, { refetchInterval: refreshMs });
  const audit = query.data?.audit;
  return (
    <Stack>
      <Heading title={text.auditOf(id)} />
      <Waiting query={query} label={text.theAudit} />
      {audit !== undefined && (
        <>
          <Facts
            facts={[
              [text.verdict, <AuditBadge key="verdict" audit={audit} />],
              [text.began, time(audit.startTime)],
              [text.ended, audit.endTime && time(audit.endTime)],
              [text.whyFailed, audit.failure],
            ]}
          />
          <Breaches audit={audit} most={1_000} />
          {audit.laws.length > 0 && (
            <>
              <Title order={2} size="h4">
                {text.laws}
              </Title>
              <Rows label={text.laws} rows={audit.laws} keyOf={({ law }) => String(law)} columns={lawColumns} />
            </>
          )}
        </>
      )}
    </Stack>
  );
}

function useLawColumns(): readonly Column<Audit_Law>[] {
  const text = useTexts(auditTexts);
  const { count } = useShow();
  return [
    { head: text.law, cell: ({ law, statement }) => <span className={classes.wrap}>{`${law}. ${statement}`}</span> },
    { head: text.breaches, cell: ({ breachCount }) => count(breachCount), numeric: true },
    { head: text.read, cell: ({ checked }) => <span className={classes.wrap}>{checked.join(", ")}</span> },
  ];
}
