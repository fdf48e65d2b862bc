import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import {
  type WebhookAttempt,
  type WebhookDelivery,
  WebhookDelivery_State,
  type WebhookRequest,
} from "@sagacart/proto/notifier/v1/webhook";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, Rows, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { Preformatted } from "./messages-page.tsx";
import { outgoingTexts } from "./outgoing-texts.ts";

/** The deliveries to all endpoints. Dead letters are those in the state dead. */
export function DeliveriesPage() {
  const text = useTexts(outgoingTexts);
  const { optionsOf } = useShow();
  const columns = useDeliveryColumns();
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
      title={text.deliveries}
      explanation={text.deliveriesExplanation}
      query={query}
      rowsOf={({ deliveries }) => deliveries}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noDelivery}
      filters={
        <Filters
          filters={[
            { name: "state", label: text.state, kind: "select", options: optionsOf(WebhookDelivery_State) },
            { name: "endpoint", label: text.endpointId },
            { name: "subject", label: text.orderId },
          ]}
        />
      }
    />
  );
}

function StateBadge({ state }: { state: WebhookDelivery_State }) {
  const { words } = useShow();
  const tone =
    state === WebhookDelivery_State.DELIVERED ? "good" : state === WebhookDelivery_State.DEAD ? "bad" : "neutral";
  return <ToneBadge tone={tone}>{words(WebhookDelivery_State, state)}</ToneBadge>;
}

export function useDeliveryColumns(): readonly Column<WebhookDelivery>[] {
  const text = useTexts(outgoingTexts);
  const { count, time } = useShow();
  return [
    { head: text.delivery, cell: ({ id }) => <To parts={["deliveries", id]}>{id}</To> },
    { head: text.state, cell: ({ state }) => <StateBadge state={state} /> },
    { head: text.event, cell: ({ eventType, sequence }) => `${eventType} (${sequence})` },
    {
      head: text.about,
      cell: ({ subject }) => (subject.startsWith("carts/") ? subject : <To parts={["orders", subject]}>{subject}</To>),
    },
    { head: text.endpoint, cell: ({ endpointId }) => <To parts={["webhooks", endpointId]}>{endpointId}</To> },
    { head: text.attempts, cell: ({ attemptCount }) => count(attemptCount), numeric: true },
    { head: text.lastError, cell: ({ lastError }) => <span className={classes.wrap}>{lastError}</span> },
    {
      head: text.nextAttempt,
      cell: ({ nextAttemptTime }) => (nextAttemptTime === undefined ? "" : time(nextAttemptTime)),
    },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
  ];
}

/** One delivery with its request and the answers to it. */
export function DeliveryPage() {
  const text = useTexts(outgoingTexts);
  const { count, time } = useShow();
  const attemptColumns = useAttemptColumns();
  const id = usePathPart("id");
  const call = useCall();
  const query = useQuery(WebhookService.method.getWebhookDelivery, { id }, { refetchInterval: refreshMs });
  const delivery = query.data?.delivery;
  return (
    <Stack>
      <Heading
        title={text.deliveryOf(id)}
        actions={
          delivery?.state === WebhookDelivery_State.DEAD && (
            <Action
              name="resend"
              label={text.sendAgain}
              explanation={text.resendExplanation}
              run={() => call(WebhookService.method.resendWebhookDelivery, { id })}
            />
          )
        }
      />
      <Waiting query={query} label={text.theDelivery} />
      {delivery !== undefined && (
        <>
          <Facts
            facts={[
              [text.state, <StateBadge key="state" state={delivery.state} />],
              [text.event, delivery.eventType],
              [text.eventId, delivery.eventId],
              [text.about, delivery.subject],
              [
                text.endpoint,
                <To key="endpoint" parts={["webhooks", delivery.endpointId]}>
                  {delivery.endpointId}
                </To>,
              ],
              [text.attempts, count(delivery.attemptCount)],
              [text.lastError, delivery.lastError],
              [text.sentAgain, delivery.resent && text.yes],
              [text.nextAttempt, delivery.nextAttemptTime && time(delivery.nextAttemptTime)],
              [text.created, time(delivery.createTime)],
              [text.ended, delivery.endTime && time(delivery.endTime)],
            ]}
          />
          <Title order={2} size="h4">
            {text.request}
          </Title>
          {delivery.request !== undefined && <Preformatted label={text.request} text={requestText(delivery.request)} />}
          <Title order={2} size="h4">
            {text.attempts}
          </Title>
          {delivery.attempts.length > 0 && (
            <Rows
              label={text.attempts}
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

function useAttemptColumns(): readonly Column<WebhookAttempt>[] {
  const text = useTexts(outgoingTexts);
  const { count, span, time } = useShow();
  return [
    { head: text.attempt, cell: ({ number }) => count(number), numeric: true },
    { head: text.time, cell: ({ time: at }) => time(at) },
    { head: text.status, cell: ({ status }) => (status === 0 ? text.noStatus : status) },
    { head: text.took, cell: ({ duration }) => span(duration) },
    { head: text.error, cell: ({ error }) => <span className={classes.wrap}>{error}</span> },
    { head: text.answer, cell: ({ answer }) => <span className={classes.wrap}>{answer}</span> },
  ];
}
