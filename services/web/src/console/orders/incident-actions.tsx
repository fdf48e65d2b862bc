import { type Incident, Incident_State } from "@sagacart/proto/order/v1/incident";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { Action } from "../action.tsx";
import { useCall, useIsOperator } from "../call.ts";

/** The actions of an operator on an incident. */
export function IncidentActions({ incident: { id, state, step, workflowId } }: { incident: Incident }) {
  const call = useCall();
  const isOperator = useIsOperator();
  if (!isOperator || state !== Incident_State.OPEN) {
    return null;
  }
  return (
    <>
      {workflowId !== "" && (
        <Action
          name={`retry-${id}`}
          label="Retry now"
          explanation={`The saga tries the step “${step}” again at once, and not only after its pause.`}
          run={() => call(IncidentService.method.retryIncident, { id })}
        />
      )}
      <Action
        name={`resolve-${id}`}
        label="Resolve"
        explanation="The saga goes on trying. If the step fails again, there will be a new incident."
        fields={[{ name: "resolution", label: "How it was resolved", kind: "area", required: true, maxLength: 1_000 }]}
        run={({ resolution = "" }) => call(IncidentService.method.resolveIncident, { id, resolution })}
      />
    </>
  );
}
