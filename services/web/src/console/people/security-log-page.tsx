import { useQuery } from "@connectrpc/connect-query";
import { Anchor, Button, Stack, Text } from "@mantine/core";
import type { SecurityEvent, SecurityEvent_Named } from "@sagacart/proto/launcher/v1/launcher";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
import { keepPreviousData } from "@tanstack/react-query";
import { useTexts } from "../../i18n/language.tsx";
import { useSiteConfig } from "../../use-site-config.tsx";
import { useAddress } from "../address.ts";
import { useIsOperator } from "../call.ts";
import { type Column, Filters, Heading, ListPage } from "../list.tsx";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { peopleTexts } from "./people-texts.ts";

/** The security log: on a laptop its newest lines, in a cluster where they are. */
export function SecurityLogPage() {
  const text = useTexts(peopleTexts);
  const { launcher, securityLogUrl } = useSiteConfig();
  const isOperator = useIsOperator();
  if (launcher === true && isOperator) {
    return <SecurityEvents />;
  }
  return (
    <Stack>
      <Heading title={text.securityLog} />
      {!isOperator ? (
        <Text>{text.onlyOperators}</Text>
      ) : securityLogUrl === undefined ? (
        <Text>{text.inLogs}</Text>
      ) : (
        <Text>
          {text.inLogSystem}{" "}
          <Anchor href={securityLogUrl} target="_blank" rel="noreferrer">
            {securityLogUrl}
          </Anchor>
        </Text>
      )}
    </Stack>
  );
}

function SecurityEvents() {
  const text = useTexts(peopleTexts);
  const columns = useColumns();
  const { texts } = useAddress("event", "actor", "outcome", "page");
  const query = useQuery(
    LauncherService.method.listSecurityEvents,
    {
      event: texts.event ?? "",
      actorId: texts.actor ?? "",
      outcome: texts.outcome ?? "",
      pageToken: texts.page ?? "",
    },
    // Each reading is a line of the log, so it is read when somebody asks, and not by itself.
    { placeholderData: keepPreviousData, refetchOnWindowFocus: false, refetchOnReconnect: false },
  );
  return (
    <ListPage
      title={text.securityLog}
      explanation={text.logExplanation}
      query={query}
      rowsOf={({ events }) => events}
      keyOf={(event, index) => `${index} ${event.requestId} ${event.event}`}
      columns={columns}
      empty={text.noEvent}
      filters={
        <Filters
          filters={[
            { name: "event", label: text.event },
            { name: "actor", label: text.actorId },
            {
              name: "outcome",
              label: text.outcome,
              kind: "select",
              options: Object.entries(text.outcomes).map(([value, label]) => ({ value, label })),
            },
          ]}
        />
      }
      actions={
        <Button size="xs" variant="default" loading={query.isFetching} onClick={() => void query.refetch()}>
          {text.readAgain}
        </Button>
      }
    />
  );
}

function useColumns(): readonly Column<SecurityEvent>[] {
  const text = useTexts(peopleTexts);
  const { counted, preciseTime, time } = useShow();
  const outcomes: Readonly<Record<string, string>> = text.outcomes;
  return [
    { head: text.time, cell: ({ time: at }) => (at === undefined ? "–" : preciseTime(at)) },
    {
      head: text.event,
      cell: ({ event, count: times }) => (times > 1n ? text.eventTimes(event, counted(text.times, times)) : event),
    },
    {
      head: text.outcome,
      cell: ({ outcome, reason }) => (
        <>
          <ToneBadge tone={outcome === "ok" ? "good" : "bad"}>{outcomes[outcome] ?? outcome}</ToneBadge> {reason}
        </>
      ),
    },
    { head: text.who, cell: ({ actor }) => <Named named={actor} /> },
    {
      head: text.what,
      cell: ({ object, method, route }) => (route === "" ? <Named named={object} /> : `${method} ${route}`),
    },
    { head: text.proof, cell: ({ factor }) => factor },
    { head: text.until, cell: ({ until }) => (until === undefined ? "" : time(until)) },
    { head: text.address, cell: ({ address }) => address },
    { head: text.process, cell: ({ service }) => service },
    { head: text.request, cell: ({ requestId }) => requestId },
  ];
}

/** Links to what has a page. */
function Named({ named }: { named: SecurityEvent_Named | undefined }) {
  const kinds: Readonly<Record<string, string>> = useTexts(peopleTexts).kinds;
  const { kind = "", id = "" } = named ?? {};
  const part = pages.get(kind);
  return (
    <>
      {kinds[kind] ?? kind} {part === undefined || id === "" ? id : <To parts={[part, id]}>{id}</To>}
    </>
  );
}

const pages: ReadonlyMap<string, string> = new Map([
  ["staff", "users"],
  ["customer", "users"],
  ["user", "users"],
  ["order", "orders"],
  ["product", "products"],
  ["payment", "payments"],
  ["incident", "incidents"],
]);
