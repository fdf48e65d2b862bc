import { useQuery } from "@connectrpc/connect-query";
import { Stack } from "@mantine/core";
import { type Incident, Incident_State } from "@sagacart/proto/order/v1/incident";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { useTexts } from "../../i18n/language.tsx";
import { useAddress, usePathPart } from "../address.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { IncidentActions } from "./incident-actions.tsx";
import { ordersTexts } from "./orders-texts.ts";

/** Steps of orders that keep failing, and disputes. */
export function IncidentsPage() {
  const text = useTexts(ordersTexts);
  const { optionsOf } = useShow();
  const columns = useColumns();
  const { texts } = useAddress("state", "order", "page");
  const query = useQuery(
    IncidentService.method.listIncidents,
    { state: enumValue(Incident_State, texts.state), orderId: texts.order ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title={text.incidents}
      explanation={text.incidentsExplanation}
      query={query}
      rowsOf={({ incidents }) => incidents}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noIncident}
      filters={
        <Filters
          filters={[
            { name: "state", label: text.state, kind: "select", options: optionsOf(Incident_State) },
            { name: "order", label: text.orderId },
          ]}
        />
      }
    />
  );
}

function useColumns(): readonly Column<Incident>[] {
  const text = useTexts(ordersTexts);
  const { count, time } = useShow();
  return [
    { head: text.step, cell: ({ id, step }) => <To parts={["incidents", id]}>{step}</To> },
    { head: text.state, cell: ({ state }) => <IncidentBadge state={state} /> },
    { head: text.order, cell: ({ orderId }) => <To parts={["orders", orderId]}>{orderId}</To> },
    { head: text.roundsHead, cell: ({ attempts }) => count(attempts), numeric: true },
    { head: text.error, cell: ({ error }) => <span className={classes.wrap}>{error}</span> },
    { head: text.raised, cell: ({ createTime }) => time(createTime) },
    { head: text.changed, cell: ({ updateTime }) => time(updateTime) },
  ];
}

function IncidentBadge({ state }: { state: Incident_State }) {
  const { words } = useShow();
  return <ToneBadge tone={state === Incident_State.OPEN ? "bad" : "good"}>{words(Incident_State, state)}</ToneBadge>;
}

/** One incident, and what can be done about it. */
export function IncidentPage() {
  const text = useTexts(ordersTexts);
  const { actorText, count, time } = useShow();
  const id = usePathPart("id");
  const query = useQuery(IncidentService.method.getIncident, { id }, { refetchInterval: refreshMs });
  const incident = query.data?.incident;
  return (
    <Stack>
      <Heading title={text.incidentOf(id)} actions={incident && <IncidentActions incident={incident} />} />
      <Waiting query={query} label={text.theIncident} />
      {incident !== undefined && (
        <Facts
          facts={[
            [text.state, <IncidentBadge key="state" state={incident.state} />],
            [text.step, incident.step],
            [
              text.order,
              <To key="order" parts={["orders", incident.orderId]}>
                {incident.orderId}
              </To>,
            ],
            [text.lastAttemptError, incident.error],
            [text.roundsOfAttempts, count(incident.attempts)],
            [text.workflow, incident.workflowId],
            [text.raised, time(incident.createTime)],
            [text.changed, time(incident.updateTime)],
            [
              text.retryRequested,
              incident.retryRequestTime &&
                text.atBy(time(incident.retryRequestTime), actorText(incident.retryRequestedBy)),
            ],
            [text.resolution, incident.resolution],
            [text.resolvedBy, actorText(incident.resolvedBy)],
          ]}
        />
      )}
    </Stack>
  );
}
