import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import {
  type WebhookAttempt,
  type WebhookDelivery,
  WebhookDelivery_State,
  type WebhookRequest,
} from "@sagacart/proto/notifier/v1/webhook";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Rows, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { optionsOf, span, time, words } from "../show.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { Preformatted } from "./messages-page.tsx";

/** The deliveries to all endpoints. Dead letters are those in the state dead. */
export function DeliveriesPage() {
  const { texts } = useAddress("state", "endpoint", "subject", "page");
  const query = useQuery(
    WebhookService.method.listWebhookDeliveries,
    {
      state: enumValue(WebhookDelivery_State, texts.state),
      endpointId: texts.endpoint ?? "",
      subject: texts.subject ?? "",
      pageToken: texts.page ?? "",
    },
    listOptions,
  );
  return (
    <ListPage
      title="Deliveries"
      explanation="Dead letters are those in the state dead: they were given up, and can be sent again."
      query={query}
      rowsOf={({ deliveries }) => deliveries}
      keyOf={({ id }) => id}
      columns={deliveryColumns}
      empty="No delivery matches."
      filters={
        <Filters
          filters={[
            { name: "state", label: "State", kind: "select", options: optionsOf(WebhookDelivery_State) },
            { name: "endpoint", label: "Endpoint id" },
            { name: "subject", label: "Order id" },
          ]}
        />
      }
    />
  );
}

function StateBadge({ state }: { state: WebhookDelivery_State }) {
  const tone =
    state === WebhookDelivery_State.DELIVERED ? "good" : state === WebhookDelivery_State.DEAD ? "bad" : "neutral";
  return <ToneBadge tone={tone}>{words(WebhookDelivery_State, state)}</ToneBadge>;
}

export const deliveryColumns: readonly Column<WebhookDelivery>[] = [
  { head: "Delivery", cell: ({ id }) => <To parts={["deliveries", id]}>{id}</To> },
  { head: "State", cell: ({ state }) => <StateBadge state={state} /> },
  { head: "Event", cell: ({ eventType, sequence }) => `${eventType} (${sequence})` },
  {
    head: "Subject",
    cell: ({ subject }) => (subject.startsWith("carts/") ? subject : <To parts={["orders", subject]}>{subject}</To>),
  },
  { head: "Endpoint", cell: ({ endpointId }) => <To parts={["webhooks", endpointId]}>{endpointId}</To> },
  { head: "Attempts", cell: ({ attemptCount }) => attemptCount, numeric: true },
  { head: "Last error", cell: ({ lastError }) => <span className={classes.wrap}>{lastError}</span> },
  { head: "Next attempt", cell: ({ nextAttemptTime }) => (nextAttemptTime === undefined ? "" : time(nextAttemptTime)) },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
];

/** One delivery with its request and the answers to it. */
export function DeliveryPage() {
  const id = usePathPart("id");
  const call = useCall();
  const query = useQuery(WebhookService.method.getWebhookDelivery, { id }, { refetchInterval: refreshMs });
  const delivery = query.data?.delivery;
  return (
    <Stack>
      <Heading
        title={`Delivery ${id}`}
        actions={
          delivery?.state === WebhookDelivery_State.DEAD && (
            <Action
              name="resend"
              label="Send again"
              explanation="It is sent out of order, with as many retries as the first time."
              run={() => call(WebhookService.method.resendWebhookDelivery, { id })}
            />
          )
        }
      />
      <Waiting query={query} label="the delivery" />
      {delivery !== undefined && (
        <>
          <Facts
            facts={[
              ["State", <StateBadge key="state" state={delivery.state} />],
              ["Event", delivery.eventType],
              ["Event id", delivery.eventId],
              ["Subject", delivery.subject],
              [
                "Endpoint",
                <To key="endpoint" parts={["webhooks", delivery.endpointId]}>
                  {delivery.endpointId}
                </To>,
              ],
              ["Attempts", delivery.attemptCount],
              ["Last error", delivery.lastError],
              ["Sent again", delivery.resent && "yes"],
              ["Next attempt", delivery.nextAttemptTime && time(delivery.nextAttemptTime)],
              ["Created", time(delivery.createTime)],
              ["Ended", delivery.endTime && time(delivery.endTime)],
            ]}
          />
          <Title order={2} size="h4">
            Request
          </Title>
          {delivery.request !== undefined && <Preformatted label="Request" text={requestText(delivery.request)} />}
          <Title order={2} size="h4">
            Attempts
          </Title>
          {delivery.attempts.length > 0 && (
            <Rows
              label="Attempts"
              rows={delivery.attempts}
              keyOf={({ number }) => String(number)}
              columns={attemptColumns}
            />
          )}
        </>
      )}
    </Stack>
  );
}

function requestText({ url, headers, body }: WebhookRequest): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`POST ${url}`, ...lines, "", indented(body)].join("\n");
}

/** Indents a body that is JSON. */
export function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

const attemptColumns: readonly Column<WebhookAttempt>[] = [
  { head: "Attempt", cell: ({ number }) => number, numeric: true },
  { head: "Time", cell: ({ time: at }) => time(at) },
  { head: "Status", cell: ({ status }) => (status === 0 ? "none" : status) },
  { head: "Took", cell: ({ duration }) => span(duration) },
  { head: "Error", cell: ({ error }) => <span className={classes.wrap}>{error}</span> },
  { head: "Answer", cell: ({ answer }) => <span className={classes.wrap}>{answer}</span> },
];
