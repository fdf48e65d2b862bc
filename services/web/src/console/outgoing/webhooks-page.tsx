import { useQuery } from "@connectrpc/connect-query";
import { Alert, Code, Stack, Text, Title } from "@mantine/core";
import {
  type WebhookDelivery,
  type WebhookEndpoint,
  WebhookEndpoint_Circuit,
  WebhookEndpoint_ContentMode,
} from "@sagacart/proto/notifier/v1/webhook";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { useRouter } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useTexts } from "../../i18n/language.tsx";
import { Action, type ActionField } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Heading, ListPage, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { namesOf, type Show } from "../show.ts";
import { pathOf, To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { useDeliveryColumns } from "./deliveries-page.tsx";
import { outgoingTexts } from "./outgoing-texts.ts";

/** Where the shop's events are sent to. */
export function WebhooksPage() {
  const text = useTexts(outgoingTexts);
  const columns = useColumns();
  const { texts } = useAddress("page");
  const query = useQuery(WebhookService.method.listWebhookEndpoints, { pageToken: texts.page ?? "" }, listOptions);
  const [secret, setSecret] = useState("");
  return (
    <ListPage
      title={text.webhooks}
      explanation={secret === "" ? undefined : <Secret secret={secret} />}
      query={query}
      rowsOf={({ endpoints }) => endpoints}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noEndpoint}
      actions={<Register onSecret={setSecret} />}
    />
  );
}

function Secret({ secret }: { secret: string }) {
  const text = useTexts(outgoingTexts);
  return (
    <Alert component="span" color="indigo" variant="outline" title={text.secretOnce}>
      <Code>{secret}</Code>
    </Alert>
  );
}

function CircuitBadge({ endpoint: { circuit, enabled } }: { endpoint: WebhookEndpoint }) {
  const text = useTexts(outgoingTexts);
  const { words } = useShow();
  const isGood = enabled === true && circuit === WebhookEndpoint_Circuit.CLOSED;
  return (
    <ToneBadge tone={isGood ? "good" : "bad"}>
      {enabled === true
        ? isGood
          ? text.sending
          : text.circuit(words(WebhookEndpoint_Circuit, circuit))
        : text.notEnabled}
    </ToneBadge>
  );
}

function useColumns(): readonly Column<WebhookEndpoint>[] {
  const text = useTexts(outgoingTexts);
  const { count, time } = useShow();
  return [
    { head: text.endpoint, cell: ({ id }) => <To parts={["webhooks", id]}>{id}</To> },
    { head: text.state, cell: (endpoint) => <CircuitBadge endpoint={endpoint} /> },
    { head: text.url, cell: ({ url }) => <span className={classes.wrap}>{url}</span> },
    { head: text.events, cell: ({ eventTypes }) => <span className={classes.wrap}>{eventTypes.join(", ")}</span> },
    { head: text.failuresInRow, cell: ({ consecutiveFailures }) => count(consecutiveFailures), numeric: true },
    { head: text.description, cell: ({ description }) => <span className={classes.wrap}>{description}</span> },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
  ];
}

function endpointFields({ text, show, endpoint }: Wording & { endpoint?: WebhookEndpoint }): readonly ActionField[] {
  return [
    {
      name: "url",
      label: text.url,
      required: true,
      maxLength: 2_000,
      initial: endpoint?.url ?? "",
      description: text.urlHint,
    },
    {
      name: "eventTypes",
      label: text.events,
      kind: "area",
      required: true,
      initial: endpoint?.eventTypes.join("\n") ?? "sagacart.order.*",
      description: text.eventsHint,
    },
    { name: "description", label: text.description, maxLength: 500, initial: endpoint?.description ?? "" },
    {
      name: "contentMode",
      label: text.encoding,
      kind: "select",
      initial:
        endpoint === undefined
          ? "STRUCTURED"
          : (namesOf(WebhookEndpoint_ContentMode)[endpoint.contentMode - 1] ?? "STRUCTURED"),
      options: show.optionsOf(WebhookEndpoint_ContentMode),
    },
    {
      name: "enabled",
      label: text.enabled,
      kind: "check",
      initial: endpoint === undefined || endpoint.enabled === true ? "yes" : "",
    },
  ];
}

type Wording = { readonly text: (typeof outgoingTexts)["en"]; readonly show: Show };

function endpointOf({
  url = "",
  eventTypes = "",
  description = "",
  contentMode,
  enabled,
}: Readonly<Record<string, string>>) {
  return {
    url: url.trim(),
    eventTypes: eventTypes.split(/\s+/).filter((type) => type !== ""),
    description,
    contentMode: enumValue(WebhookEndpoint_ContentMode, contentMode),
    enabled: enabled === "yes",
  };
}

function Register({ onSecret }: { onSecret: (secret: string) => void }) {
  const text = useTexts(outgoingTexts);
  const show = useShow();
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="register"
      label={text.register}
      fields={endpointFields({ text, show })}
      run={async (values, requestId) => {
        const { secret } = await call(WebhookService.method.createWebhookEndpoint, {
          endpoint: endpointOf(values),
          requestId,
        });
        onSecret(secret);
      }}
    />
  ) : null;
}

/** One endpoint with its deliveries. */
export function WebhookPage() {
  const text = useTexts(outgoingTexts);
  const { count, time, words } = useShow();
  const deliveryColumns = useDeliveryColumns();
  const id = usePathPart("id");
  const { texts } = useAddress("page");
  const [note, setNote] = useState<ReactNode>();
  const query = useQuery(WebhookService.method.getWebhookEndpoint, { id }, { refetchInterval: refreshMs });
  const deliveries = useQuery(
    WebhookService.method.listWebhookDeliveries,
    { endpointId: id, pageToken: texts.page ?? "" },
    listOptions,
  );
  const endpoint = query.data?.endpoint;
  return (
    <Stack>
      <Heading
        title={text.endpointOf(id)}
        actions={endpoint && <EndpointActions endpoint={endpoint} onNote={setNote} />}
      />
      {note}
      <Waiting query={query} label={text.theEndpoint} />
      {endpoint !== undefined && (
        <Facts
          facts={[
            [text.state, <CircuitBadge key="state" endpoint={endpoint} />],
            [text.whyNotEnabled, endpoint.disabledReason],
            [text.url, endpoint.url],
            [text.events, endpoint.eventTypes.join(", ")],
            [text.encoding, words(WebhookEndpoint_ContentMode, endpoint.contentMode)],
            [text.description, endpoint.description],
            [text.failuresInRow, count(endpoint.consecutiveFailures)],
            [text.failingSince, endpoint.failingSince && time(endpoint.failingSince)],
            [text.nextRequest, endpoint.resumeTime && time(endpoint.resumeTime)],
            [text.created, time(endpoint.createTime)],
            [text.changed, time(endpoint.updateTime)],
          ]}
        />
      )}
      <Title order={2} size="h4">
        {text.deliveries}
      </Title>
      <Paged<{ nextPageToken: string; deliveries: WebhookDelivery[] }, WebhookDelivery>
        label={text.deliveries}
        query={deliveries}
        rowsOf={({ deliveries: rows }) => rows}
        keyOf={(row) => row.id}
        columns={deliveryColumns}
        empty={text.nothingSent}
      />
    </Stack>
  );
}

function EndpointActions({ endpoint, onNote }: { endpoint: WebhookEndpoint; onNote: (note: ReactNode) => void }) {
  const text = useTexts(outgoingTexts);
  const show = useShow();
  const call = useCall();
  const router = useRouter();
  const isOperator = useIsOperator();
  const { id, etag } = endpoint;
  return (
    <>
      <Action
        name="test"
        label={text.test}
        explanation={text.testExplanation}
        run={async () => {
          const { attempt, delivered } = await call(WebhookService.method.testWebhookEndpoint, { endpointId: id });
          onNote(
            <Alert
              color={delivered ? "green" : "red"}
              variant="outline"
              title={delivered ? text.testAccepted : text.testRefused}
            >
              <Text size="sm">
                {attempt?.status === 0
                  ? attempt.error
                  : text.answered(String(attempt?.status ?? ""), show.span(attempt?.duration))}{" "}
                {attempt?.answer}
              </Text>
            </Alert>,
          );
        }}
      />
      <Action
        name="resend"
        label={text.resendDead}
        explanation={text.resendDeadExplanation}
        run={async () => {
          const { count, more } = await call(WebhookService.method.resendWebhookDeliveries, { endpointId: id });
          onNote(
            <Alert color="green" variant="outline" title={show.counted(text.resent, count)}>
              {more ? text.moreRemain : text.noneRemain}
            </Alert>,
          );
        }}
      />
      {isOperator && (
        <>
          <Action
            name="edit"
            label={text.edit}
            fields={endpointFields({ text, show, endpoint })}
            run={(values) =>
              call(WebhookService.method.updateWebhookEndpoint, {
                endpoint: { id, etag, ...endpointOf(values) },
                updateMask: { paths: ["url", "event_types", "description", "content_mode", "enabled"] },
              })
            }
          />
          <Action
            name="rotate"
            label={text.rotate}
            explanation={text.rotateExplanation}
            run={async (_values, requestId) => {
              const { secret } = await call(WebhookService.method.rotateWebhookSecret, { endpointId: id, requestId });
              onNote(<Secret secret={secret} />);
            }}
          />
          <Action
            name="delete"
            label={text.delete}
            danger
            explanation={text.deleteExplanation}
            run={() => call(WebhookService.method.deleteWebhookEndpoint, { id, etag })}
            onDone={() => router.history.push(pathOf(["webhooks"]))}
          />
        </>
      )}
    </>
  );
}
