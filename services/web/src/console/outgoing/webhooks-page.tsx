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
import { Action, type ActionField } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Heading, ListPage, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { namesOf, optionsOf, span, time, words } from "../show.ts";
import { pathOf, To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { deliveryColumns } from "./deliveries-page.tsx";

/** Where the shop's events are sent to. */
export function WebhooksPage() {
  const { texts } = useAddress("page");
  const query = useQuery(WebhookService.method.listWebhookEndpoints, { pageToken: texts.page ?? "" }, listOptions);
  const [secret, setSecret] = useState("");
  return (
    <ListPage
      title="Webhook endpoints"
      explanation={secret === "" ? undefined : <Secret secret={secret} />}
      query={query}
      rowsOf={({ endpoints }) => endpoints}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No endpoint is registered."
      actions={<Register onSecret={setSecret} />}
    />
  );
}

function Secret({ secret }: { secret: string }) {
  return (
    <Alert
      component="span"
      color="indigo"
      variant="outline"
      title="The secret that signs the requests is shown this once"
    >
      <Code>{secret}</Code>
    </Alert>
  );
}

function CircuitBadge({ endpoint: { circuit, enabled } }: { endpoint: WebhookEndpoint }) {
  const isGood = enabled === true && circuit === WebhookEndpoint_Circuit.CLOSED;
  return (
    <ToneBadge tone={isGood ? "good" : "bad"}>
      {enabled === true
        ? isGood
          ? "Sending"
          : `Circuit ${words(WebhookEndpoint_Circuit, circuit).toLowerCase()}`
        : "Not enabled"}
    </ToneBadge>
  );
}

const columns: readonly Column<WebhookEndpoint>[] = [
  { head: "Endpoint", cell: ({ id }) => <To parts={["webhooks", id]}>{id}</To> },
  { head: "State", cell: (endpoint) => <CircuitBadge endpoint={endpoint} /> },
  { head: "URL", cell: ({ url }) => <span className={classes.wrap}>{url}</span> },
  { head: "Events", cell: ({ eventTypes }) => <span className={classes.wrap}>{eventTypes.join(", ")}</span> },
  { head: "Failures in a row", cell: ({ consecutiveFailures }) => consecutiveFailures, numeric: true },
  { head: "Description", cell: ({ description }) => <span className={classes.wrap}>{description}</span> },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
];

function endpointFields(endpoint?: WebhookEndpoint): readonly ActionField[] {
  return [
    {
      name: "url",
      label: "URL",
      required: true,
      maxLength: 2_000,
      initial: endpoint?.url ?? "",
      description: "https, and not at a private address.",
    },
    {
      name: "eventTypes",
      label: "Events",
      kind: "area",
      required: true,
      initial: endpoint?.eventTypes.join("\n") ?? "sagacart.order.*",
      description: "One a line: a type, a prefix such as sagacart.order.*, or * for all.",
    },
    { name: "description", label: "Description", maxLength: 500, initial: endpoint?.description ?? "" },
    {
      name: "contentMode",
      label: "Encoding",
      kind: "select",
      initial:
        endpoint === undefined
          ? "STRUCTURED"
          : (namesOf(WebhookEndpoint_ContentMode)[endpoint.contentMode - 1] ?? "STRUCTURED"),
      options: optionsOf(WebhookEndpoint_ContentMode),
    },
    {
      name: "enabled",
      label: "Events are sent",
      kind: "check",
      initial: endpoint === undefined || endpoint.enabled === true ? "yes" : "",
    },
  ];
}

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
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="register"
      label="Register an endpoint"
      fields={endpointFields()}
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
        title={`Webhook endpoint ${id}`}
        actions={endpoint && <EndpointActions endpoint={endpoint} onNote={setNote} />}
      />
      {note}
      <Waiting query={query} label="the endpoint" />
      {endpoint !== undefined && (
        <Facts
          facts={[
            ["State", <CircuitBadge key="state" endpoint={endpoint} />],
            ["Why it is not enabled", endpoint.disabledReason],
            ["URL", endpoint.url],
            ["Events", endpoint.eventTypes.join(", ")],
            ["Encoding", words(WebhookEndpoint_ContentMode, endpoint.contentMode)],
            ["Description", endpoint.description],
            ["Failures in a row", endpoint.consecutiveFailures],
            ["Failing since", endpoint.failingSince && time(endpoint.failingSince)],
            ["Next request", endpoint.resumeTime && time(endpoint.resumeTime)],
            ["Created", time(endpoint.createTime)],
            ["Changed", time(endpoint.updateTime)],
          ]}
        />
      )}
      <Title order={2} size="h4">
        Deliveries
      </Title>
      <Paged<{ nextPageToken: string; deliveries: WebhookDelivery[] }, WebhookDelivery>
        label="Deliveries"
        query={deliveries}
        rowsOf={({ deliveries: rows }) => rows}
        keyOf={(row) => row.id}
        columns={deliveryColumns}
        empty="Nothing was sent to it yet."
      />
    </Stack>
  );
}

function EndpointActions({ endpoint, onNote }: { endpoint: WebhookEndpoint; onNote: (note: ReactNode) => void }) {
  const call = useCall();
  const router = useRouter();
  const isOperator = useIsOperator();
  const { id, etag } = endpoint;
  return (
    <>
      <Action
        name="test"
        label="Send a test"
        explanation="Sends a ping now, also while events are not sent. Nothing is stored."
        run={async () => {
          const { attempt, delivered } = await call(WebhookService.method.testWebhookEndpoint, { endpointId: id });
          onNote(
            <Alert
              color={delivered ? "green" : "red"}
              variant="outline"
              title={delivered ? "The endpoint accepted the test" : "The endpoint did not accept the test"}
            >
              <Text size="sm">
                {attempt?.status === 0
                  ? attempt.error
                  : `It answered ${attempt?.status} after ${span(attempt?.duration)}.`}{" "}
                {attempt?.answer}
              </Text>
            </Alert>,
          );
        }}
      />
      <Action
        name="resend"
        label="Send dead letters again"
        explanation="Up to 1,000, oldest first, and out of order."
        run={async () => {
          const { count, more } = await call(WebhookService.method.resendWebhookDeliveries, { endpointId: id });
          onNote(
            <Alert color="green" variant="outline" title={`${count} deliveries are sent again`}>
              {more ? "More remain." : "None remain."}
            </Alert>,
          );
        }}
      />
      {isOperator && (
        <>
          <Action
            name="edit"
            label="Edit"
            fields={endpointFields(endpoint)}
            run={(values) =>
              call(WebhookService.method.updateWebhookEndpoint, {
                endpoint: { id, etag, ...endpointOf(values) },
                updateMask: { paths: ["url", "event_types", "description", "content_mode", "enabled"] },
              })
            }
          />
          <Action
            name="rotate"
            label="New secret"
            explanation="The old secret keeps signing beside the new one for a day."
            run={async (_values, requestId) => {
              const { secret } = await call(WebhookService.method.rotateWebhookSecret, { endpointId: id, requestId });
              onNote(<Secret secret={secret} />);
            }}
          />
          <Action
            name="delete"
            label="Delete"
            danger
            explanation="Deletes the endpoint with its deliveries."
            run={() => call(WebhookService.method.deleteWebhookEndpoint, { id, etag })}
            onDone={() => router.history.push(pathOf(["webhooks"]))}
          />
        </>
      )}
    </>
  );
}
