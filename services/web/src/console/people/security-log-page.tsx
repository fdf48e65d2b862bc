import { useQuery } from "@connectrpc/connect-query";
import { Anchor, Button, Stack, Text } from "@mantine/core";
import type { SecurityEvent, SecurityEvent_Named } from "@sagacart/proto/launcher/v1/launcher";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
import { keepPreviousData } from "@tanstack/react-query";
import { useSiteConfig } from "../../use-site-config.tsx";
import { useAddress } from "../address.ts";
import { useIsOperator } from "../call.ts";
import { type Column, Filters, Heading, ListPage } from "../list.tsx";
import { count, preciseTime, time } from "../show.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";

/** The security log: on a laptop its newest lines, in a cluster where they are. */
export function SecurityLogPage() {
  const { launcher, securityLogUrl } = useSiteConfig();
  const isOperator = useIsOperator();
  if (launcher === true && isOperator) {
    return <SecurityEvents />;
  }
  return (
    <Stack>
      <Heading title="Security log" />
      {!isOperator ? (
        <Text>Only operators can read it.</Text>
      ) : securityLogUrl === undefined ? (
        <Text>
          Each process writes its lines to its output, and they are where the logs of this installation are.
          SECURITY_LOG_URL of the gateway names the place, for a link here.
        </Text>
      ) : (
        <Text>
          It is in the log system of this installation:{" "}
          <Anchor href={securityLogUrl} target="_blank" rel="noreferrer">
            {securityLogUrl}
          </Anchor>
        </Text>
      )}
    </Stack>
  );
}

function SecurityEvents() {
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
      title="Security log"
      explanation="Who did what to whose account, money and data, and who was refused. Reading it is an event, too."
      query={query}
      rowsOf={({ events }) => events}
      keyOf={(event, index) => `${index} ${event.requestId} ${event.event}`}
      columns={columns}
      empty="No event matches."
      filters={
        <Filters
          filters={[
            { name: "event", label: "Event" },
            { name: "actor", label: "Who did it, by id" },
            {
              name: "outcome",
              label: "Outcome",
              kind: "select",
              options: ["ok", "refused", "failed"].map((value) => ({ value, label: value })),
            },
          ]}
        />
      }
      actions={
        <Button size="xs" variant="default" loading={query.isFetching} onClick={() => void query.refetch()}>
          Read again
        </Button>
      }
    />
  );
}

const columns: readonly Column<SecurityEvent>[] = [
  { head: "Time", cell: ({ time: at }) => (at === undefined ? "–" : preciseTime(at)) },
  { head: "Event", cell: ({ event, count: times }) => (times > 1n ? `${event}, ${count(times)} times` : event) },
  {
    head: "Outcome",
    cell: ({ outcome, reason }) => (
      <>
        <ToneBadge tone={outcome === "ok" ? "good" : "bad"}>{outcome}</ToneBadge> {reason}
      </>
    ),
  },
  { head: "Who", cell: ({ actor }) => <Named named={actor} /> },
  {
    head: "What",
    cell: ({ object, method, route }) => (route === "" ? <Named named={object} /> : `${method} ${route}`),
  },
  { head: "Proof", cell: ({ factor }) => factor },
  { head: "Until", cell: ({ until }) => (until === undefined ? "" : time(until)) },
  { head: "Address", cell: ({ address }) => address },
  { head: "Process", cell: ({ service }) => service },
  { head: "Request", cell: ({ requestId }) => requestId },
];

/** Links to what has a page. */
function Named({ named }: { named: SecurityEvent_Named | undefined }) {
  const { kind = "", id = "" } = named ?? {};
  const part = pages.get(kind);
  return (
    <>
      {kind} {part === undefined || id === "" ? id : <To parts={[part, id]}>{id}</To>}
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
