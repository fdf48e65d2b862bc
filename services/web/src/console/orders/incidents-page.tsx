import { useQuery } from "@connectrpc/connect-query";
import { Stack } from "@mantine/core";
import { type Incident, Incident_State } from "@sagacart/proto/order/v1/incident";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { useAddress, usePathPart } from "../address.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { actorText, optionsOf, time, words } from "../show.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { IncidentActions } from "./incident-actions.tsx";

/** Steps of orders that keep failing, and disputes. */
export function IncidentsPage() {
  const { texts } = useAddress("state", "order", "page");
  const query = useQuery(
    IncidentService.method.listIncidents,
    { state: enumValue(Incident_State, texts.state), orderId: texts.order ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title="Incidents"
      explanation="Steps of orders that fail again and again, and what only a person can decide. Their sagas go on trying."
      query={query}
      rowsOf={({ incidents }) => incidents}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No incident matches."
      filters={
        <Filters
          filters={[
            { name: "state", label: "State", kind: "select", options: optionsOf(Incident_State) },
            { name: "order", label: "Order id" },
          ]}
        />
      }
    />
  );
}

const columns: readonly Column<Incident>[] = [
  { head: "Step", cell: ({ id, step }) => <To parts={["incidents", id]}>{step}</To> },
  { head: "State", cell: ({ state }) => <IncidentBadge state={state} /> },
  { head: "Order", cell: ({ orderId }) => <To parts={["orders", orderId]}>{orderId}</To> },
  { head: "Rounds", cell: ({ attempts }) => attempts, numeric: true },
  { head: "Error", cell: ({ error }) => <span className={classes.wrap}>{error}</span> },
  { head: "Raised", cell: ({ createTime }) => time(createTime) },
  { head: "Changed", cell: ({ updateTime }) => time(updateTime) },
];

function IncidentBadge({ state }: { state: Incident_State }) {
  return <ToneBadge tone={state === Incident_State.OPEN ? "bad" : "good"}>{words(Incident_State, state)}</ToneBadge>;
}

/** One incident, and what can be done about it. */
export function IncidentPage() {
  const id = usePathPart("id");
  const query = useQuery(IncidentService.method.getIncident, { id }, { refetchInterval: refreshMs });
  const incident = query.data?.incident;
  return (
    <Stack>
      <Heading title={`Incident ${id}`} actions={incident && <IncidentActions incident={incident} />} />
      <Waiting query={query} label="the incident" />
      {incident !== undefined && (
        <Facts
          facts={[
            ["State", <IncidentBadge key="state" state={incident.state} />],
            ["Step", incident.step],
            [
              "Order",
              <To key="order" parts={["orders", incident.orderId]}>
                {incident.orderId}
              </To>,
            ],
            ["Error of the last attempt", incident.error],
            ["Rounds of attempts", incident.attempts],
            ["Workflow", incident.workflowId],
            ["Raised", time(incident.createTime)],
            ["Changed", time(incident.updateTime)],
            [
              "Retry requested",
              incident.retryRequestTime &&
                `${time(incident.retryRequestTime)}, by ${actorText(incident.retryRequestedBy)}`,
            ],
            ["Resolution", incident.resolution],
            ["Resolved by", actorText(incident.resolvedBy)],
          ]}
        />
      )}
    </Stack>
  );
}
