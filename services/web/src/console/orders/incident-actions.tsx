import { type Incident, Incident_State } from "@sagacart/proto/order/v1/incident";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useCall, useIsOperator } from "../call.ts";
import { ordersTexts } from "./orders-texts.ts";

/** The actions of an operator on an incident. */
export function IncidentActions({ incident: { id, state, step, workflowId } }: { incident: Incident }) {
  const text = useTexts(ordersTexts);
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
          label={text.retryNow}
          explanation={text.retryExplanation(step)}
          run={() => call(IncidentService.method.retryIncident, { id })}
        />
      )}
      <Action
        name={`resolve-${id}`}
        label={text.resolve}
        explanation={text.resolveExplanation}
        fields={[{ name: "resolution", label: text.howResolved, kind: "area", required: true, maxLength: 1_000 }]}
        run={({ resolution = "" }) => call(IncidentService.method.resolveIncident, { id, resolution })}
      />
    </>
  );
}
