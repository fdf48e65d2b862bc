import { useQuery } from "@connectrpc/connect-query";
import { Alert, Button, Code, Group, Stack, Text, Title } from "@mantine/core";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
import { type Audit, Audit_State } from "@sagacart/proto/order/v1/audit";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { dateOf } from "../../i18n/format.ts";
import { useLanguage, useTexts } from "../../i18n/language.tsx";
import { useSiteConfig } from "../../use-site-config.tsx";
import { useCall, useIsOperator } from "../call.ts";
import { Waiting } from "../list.tsx";
import { Preformatted } from "../outgoing/messages-page.tsx";
import { StepUpFailure } from "../step-up-failure.tsx";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { auditCommand, auditTone, auditWords, hasVerdict } from "./audit-state.ts";
import { auditTexts } from "./audit-texts.ts";

/** How often the audits are read: one takes a second or two on a laptop. */
const auditsMs = 2_000;

/** Reads the newest audits, again and again. */
export function useNewestAudits() {
  return useQuery(AuditService.method.listAudits, { pageSize: 10 }, { refetchInterval: auditsMs, staleTime: 0 });
}

/** The last audit's verdict, and how to run one now: a button on a laptop, a command in a cluster. */
export function LastAudit() {
  const text = useTexts(auditTexts);
  const query = useNewestAudits();
  const { launcher, auditCronJob } = useSiteConfig();
  const isOperator = useIsOperator();
  const audits = query.data?.audits;
  const [newest] = audits ?? [];
  const verdict = audits?.find(hasVerdict);
  const command = auditCommand(auditCronJob);
  return (
    <Stack component="section" aria-label={text.audit} gap="xs">
      <Title order={2} size="h4">
        {text.audit}
      </Title>
      <Waiting query={query} label={text.theAudits} />
      {audits !== undefined && newest === undefined && <Text size="sm">{text.noneYet}</Text>}
      {newest !== undefined && <Line audit={newest} />}
      {newest !== undefined && verdict !== undefined && verdict.id !== newest.id && (
        <Line audit={verdict} prefix={text.lastVerdict} />
      )}
      {verdict !== undefined && <Breaches audit={verdict} most={5} />}
      {launcher === true && isOperator ? (
        <RunAudit newest={newest} />
      ) : (
        command !== undefined && (
          <Text size="sm">
            {text.runWith} <Code>{command}</Code>
          </Text>
        )
      )}
    </Stack>
  );
}

function Line({ audit, prefix = "" }: { audit: Audit; prefix?: string }) {
  const text = useTexts(auditTexts);
  const { time } = useShow();
  const { id, state, startTime, endTime, failure } = audit;
  return (
    <Group gap="xs">
      {prefix !== "" && <Text size="sm">{prefix}</Text>}
      <AuditBadge audit={audit} />
      <Text size="sm">
        {state === Audit_State.RUNNING || endTime === undefined ? text.since(time(startTime)) : time(endTime)}
        {failure === "" ? "" : `: ${failure}`}
      </Text>
      <Text size="sm">
        <To parts={["audits", id]}>{text.details}</To>
      </Text>
    </Group>
  );
}

export function AuditBadge({ audit }: { audit: Audit }) {
  const { language } = useLanguage();
  return <ToneBadge tone={auditTone(audit.state)}>{auditWords(audit, language)}</ToneBadge>;
}

/** The breaches of an audit, the first ones if there are many. */
export function Breaches({ audit, most }: { audit: Audit; most: number }) {
  const text = useTexts(auditTexts);
  const { count } = useShow();
  const breaches = audit.laws.flatMap(({ law, breaches: ofLaw }) =>
    ofLaw.map((breach) => text.breachOf(count(law), breach)),
  );
  const left = audit.laws.reduce((sum, { breachCount }) => sum + breachCount, 0) - Math.min(breaches.length, most);
  return breaches.length === 0 ? null : (
    <Alert color="red" variant="outline" title={text.breaches}>
      {breaches.slice(0, most).map((breach, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the same breach may be there twice, and the list does not change
        <Text key={index} size="sm">
          {breach}
        </Text>
      ))}
      {left > 0 && <Text size="sm">{text.andMore(count(left))}</Text>}
    </Alert>
  );
}

/** The button that has the launcher run the audit, and what its run said if it left no record. */
function RunAudit({ newest }: { newest: Audit | undefined }) {
  const text = useTexts(auditTexts);
  const call = useCall();
  const queries = useQueryClient();
  const launcher = useQuery(
    LauncherService.method.getLauncher,
    {},
    { refetchInterval: auditsMs, staleTime: 0, select: ({ audit }) => audit },
  );
  const run = useMutation({
    mutationFn: () => call(LauncherService.method.runAudit, {}),
    onSettled: () => queries.invalidateQueries(),
  });
  const last = launcher.data;
  const isRunning = last !== undefined && last.endTime === undefined;
  const isRecorded =
    last?.startTime !== undefined &&
    newest?.startTime !== undefined &&
    dateOf(newest.startTime).getTime() >= dateOf(last.startTime).getTime();
  const failed = last?.endTime !== undefined && last.end !== "exit code 0" && !isRecorded;
  return (
    <>
      <StepUpFailure error={run.error ?? launcher.error} />
      {failed && (
        <Alert color="red" variant="outline" title={text.endedWithout(last.end)}>
          <Preformatted label={text.output} text={last.lines.join("\n")} />
        </Alert>
      )}
      <Group>
        <Button
          size="xs"
          variant="default"
          loading={run.isPending || isRunning}
          onClick={() => run.mutate()}
          aria-label={text.runNow}
        >
          {text.runNow}
        </Button>
      </Group>
    </>
  );
}
