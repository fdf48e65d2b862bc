import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { currentActor } from "@sagacart/chassis/auth/actor";
import { pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { Incident_State, type Incident as IncidentMessage, IncidentSchema } from "@sagacart/proto/order/v1/incident";
import {
  GetIncidentResponseSchema,
  type IncidentService,
  ListIncidentsResponseSchema,
  ResolveIncidentResponseSchema,
  RetryIncidentResponseSchema,
} from "@sagacart/proto/order/v1/incident_service";
import { readTimeKey, writeTimeKey } from "../time-key.ts";
import {
  type Incident,
  type IncidentState,
  incidentNotFound,
  incidentNotRetryable,
  incidentResolved,
} from "./incident.ts";
import { listIncidents, loadIncident, requestRetry, resolveIncident } from "./incident-store.ts";

export type IncidentServiceOptions = {
  pool: Pool;
  /** Called after a commit that recorded a command. */
  commandsRecorded: () => void;
};

/** The handlers of IncidentService; its proto documents them. */
export function createIncidentService(options: IncidentServiceOptions): ServiceImpl<typeof IncidentService> {
  const { pool, commandsRecorded } = options;

  async function findIncident(id: string): Promise<Incident> {
    const incident = uuid.test(id) ? await loadIncident(pool, id) : undefined;
    if (incident === undefined) {
      throw incidentNotFound(id);
    }
    return incident;
  }

  return {
    async listIncidents({ orderId, ...request }) {
      const state = stateFromProto(request.state);
      const of = `incidents ${state ?? ""} ${orderId}`;
      const after = readTimeKey(request.pageToken, of, uuid);
      const { incidents, more } = await listIncidents(pool, {
        state,
        orderId,
        after,
        limit: pageSize(request.pageSize),
      });
      return create(ListIncidentsResponseSchema, {
        incidents: incidents.map(incidentMessage),
        nextPageToken: more === undefined ? "" : writeTimeKey(more, of),
      });
    },

    async getIncident({ id }) {
      return create(GetIncidentResponseSchema, { incident: incidentMessage(await findIncident(id)) });
    },

    async retryIncident({ id }) {
      const found = await findIncident(id);
      if (found.state === "OPEN" && found.workflowId === "") {
        throw incidentNotRetryable(found);
      }
      const incident = await withTransaction(pool, async (tx) => {
        const open = await requestRetry(tx, id, currentActor());
        if (open === undefined) {
          throw incidentResolved(found);
        }
        const { orderId, workflowId, step } = open;
        await recordCommands(tx, [{ kind: "RETRY", subject: orderId, data: { workflowId, step } }]);
        return open;
      });
      commandsRecorded();
      return create(RetryIncidentResponseSchema, { incident: incidentMessage(incident) });
    },

    async resolveIncident({ id, resolution }) {
      await findIncident(id);
      const incident =
        (await resolveIncident(pool, { id, resolution, actor: currentActor() })) ?? (await findIncident(id));
      return create(ResolveIncidentResponseSchema, { incident: incidentMessage(incident) });
    },
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function stateFromProto(state: Incident_State): IncidentState | undefined {
  switch (state) {
    case Incident_State.OPEN:
      return "OPEN";
    case Incident_State.RESOLVED:
      return "RESOLVED";
    default:
      return undefined;
  }
}

function incidentMessage(incident: Incident): IncidentMessage {
  const { state, retryRequestTime, retryRequestedBy, resolvedBy, createTime, updateTime, ...rest } = incident;
  return create(IncidentSchema, {
    ...rest,
    state: Incident_State[state],
    createTime: timestampFromDate(createTime),
    updateTime: timestampFromDate(updateTime),
    ...(retryRequestTime === undefined ? {} : { retryRequestTime: timestampFromDate(retryRequestTime) }),
    ...(retryRequestedBy === undefined ? {} : { retryRequestedBy }),
    ...(resolvedBy === undefined ? {} : { resolvedBy }),
  });
}
