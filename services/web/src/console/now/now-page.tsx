import { useQuery } from "@connectrpc/connect-query";
import { Alert, Card, Stack, Text, Title } from "@mantine/core";
import { NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { WebhookDelivery_State } from "@sagacart/proto/notifier/v1/webhook";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { ActivityService, type GetOrderActivityResponse } from "@sagacart/proto/order/v1/activity_service";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { useEffect, useState } from "react";
import { dateOf } from "../../i18n/format.ts";
import { auditTone, auditWords } from "../audits/audit-state.ts";
import { LastAudit, useNewestAudits } from "../audits/last-audit.tsx";
import classes from "../console.module.css";
import { type Column, Heading, Rows, refreshMs, Waiting } from "../list.tsx";
import { feedNames } from "../outgoing/feed-transport.ts";
import { Consumers } from "../outgoing/feeds-page.tsx";
import { ago, count, money, nameOf, span, spanOfMs, words } from "../show.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { Chart } from "./chart.tsx";
import { addActivity, type Point, rateOf } from "./series.ts";

/** Shows what happens in the shop now. */
export function NowPage() {
  const query = useQuery(ActivityService.method.getOrderActivity, {}, { refetchInterval: 2_000, staleTime: 0 });
  const [points, setPoints] = useState<readonly Point[]>([]);
  const activity = query.data;
  useEffect(() => {
    if (activity !== undefined) {
      setPoints((known) => addActivity(known, activity));
    }
  }, [activity]);
  return (
    <Stack>
      <Heading title="Now" />
      <Waiting query={query} label="the activity" />
      {activity !== undefined && <Activity activity={activity} points={points} />}
      <LastAudit />
      <Title order={2} size="h4">
        Consumers of events
      </Title>
      {feedNames.map((feed) => (
        <Stack key={feed} gap="xs">
          <Text size="sm" fw={600}>
            Feed of {feed}
          </Text>
          <Consumers feed={feed} />
        </Stack>
      ))}
    </Stack>
  );
}

function Activity({ activity, points }: { activity: GetOrderActivityResponse; points: readonly Point[] }) {
  const seconds = points.map(({ second }) => second);
  const last = points.findLast(({ median }) => median !== null);
  const batch = points.findLast(({ largestBatch }) => largestBatch !== null);
  const nowMs = activity.time === undefined ? 0 : dateOf(activity.time).getTime();
  const columns: readonly Column<GetOrderActivityResponse["underWay"][number]>[] = [
    {
      head: "State",
      cell: ({ state }) => (
        <To parts={["orders"]} search={{ state: nameOf(Order_State, state) }}>
          {words(Order_State, state)}
        </To>
      ),
    },
    { head: "Orders", cell: ({ count: orders }) => count(orders), numeric: true },
    { head: "Oldest change", cell: ({ oldestUpdateTime }) => ago(oldestUpdateTime, nowMs) },
  ];
  return (
    <>
      {activity.stalled > 0n && (
        <Alert color="red" variant="outline" title={`${count(activity.stalled)} orders are stalled`}>
          They have not changed for five minutes, and wait neither for their customer nor for a shipment.
        </Alert>
      )}
      <ul className={classes.tiles}>
        <Tile name="Orders a second" value={rateOf(points).toFixed(1)} />
        <Tile
          name="Half complete within"
          value={last === undefined || last.median === null ? "–" : spanOfMs(last.median)}
        />
        <Tile
          name="99 % complete within"
          value={last === undefined || last.percentile99 === null ? "–" : spanOfMs(last.percentile99)}
        />
        <Tile
          name="Orders in a batch"
          value={
            batch?.medianBatch == null ? "–" : `${count(batch.medianBatch)}, at most ${count(batch.largestBatch ?? 0)}`
          }
        />
        <Tile
          name="Open incidents"
          value={count(activity.openIncidents)}
          bad={activity.openIncidents > 0n}
          to={["incidents"]}
          search={{ state: "OPEN" }}
        />
        <Tile name="Money held" value={activity.held.length === 0 ? "none" : activity.held.map(money).join(", ")} />
        <Tile name="Commands waiting" value={waiting(activity.waitingCommands, span(activity.oldestCommand))} />
        <Tile name="Events not in the feed" value={waiting(activity.unsequencedEvents, span(activity.oldestEvent))} />
        <Outgoing />
        <AuditTile />
      </ul>
      <div className={classes.charts}>
        <Chart
          label="Orders by second"
          summary={`${rateOf(points).toFixed(1)} orders a second`}
          seconds={seconds}
          unit=""
          lines={[
            { label: "placed", color: "indigo", values: points.map(({ created }) => created) },
            { label: "completed", color: "green", values: points.map(({ completed }) => completed) },
            { label: "refused", color: "red", dashed: true, values: points.map(({ refused }) => refused) },
          ]}
        />
        <Chart
          label="Time to completion"
          summary={
            last === undefined || last.median === null
              ? "nothing was completed"
              : `half within ${spanOfMs(last.median)}`
          }
          seconds={seconds}
          unit="ms"
          lines={[
            { label: "median", color: "indigo", bridged: true, values: points.map(({ median }) => median) },
            {
              label: "99 %",
              color: "orange",
              dashed: true,
              bridged: true,
              values: points.map(({ percentile99 }) => percentile99),
            },
          ]}
        />
        <Chart
          label="Batch sizes"
          summary={
            batch?.largestBatch == null
              ? "no batch was begun"
              : `the last ones have ${batch.largestBatch} orders at most`
          }
          seconds={seconds}
          unit=""
          lines={[
            { label: "median", color: "indigo", bridged: true, values: points.map(({ medianBatch }) => medianBatch) },
            {
              label: "largest",
              color: "orange",
              dashed: true,
              bridged: true,
              values: points.map(({ largestBatch }) => largestBatch),
            },
          ]}
        />
      </div>
      <Title order={2} size="h4">
        Under way
      </Title>
      <Rows label="Orders under way" rows={activity.underWay} keyOf={({ state }) => String(state)} columns={columns} />
      <Title order={2} size="h4">
        Refused, of the last minute's orders
      </Title>
      <Rows
        label="Refused orders by reason"
        rows={activity.refused}
        keyOf={({ reason }) => reason}
        columns={[
          { head: "Reason", cell: ({ reason }) => reason || "none given" },
          { head: "Orders", cell: (row) => count(row.count), numeric: true },
        ]}
      />
    </>
  );
}

const waiting = (number: bigint, oldest: string) => (number === 0n ? "0" : `${count(number)}, for ${oldest}`);

/** The counts of what could not be delivered, or waits to be. Each list is counted up to a page of 200. */
function Outgoing() {
  const options = { refetchInterval: refreshMs };
  const dead = useQuery(
    WebhookService.method.listWebhookDeliveries,
    { state: WebhookDelivery_State.DEAD, pageSize: 200 },
    options,
  );
  const messages = useQuery(NotifierService.method.getProgress, {}, options);
  const card = useQuery(PaymentService.method.listParkedWebhooks, { pageSize: 200 }, options);
  const carrier = useQuery(ShippingService.method.listParkedWebhooks, { pageSize: 200 }, options);
  const parked = [card.data, carrier.data].every((answer) => answer !== undefined)
    ? (card.data?.webhooks.length ?? 0) + (carrier.data?.webhooks.length ?? 0)
    : undefined;
  return (
    <>
      <Tile
        name="Dead letters"
        value={
          dead.data === undefined
            ? "–"
            : `${dead.data.deliveries.length}${dead.data.nextPageToken === "" ? "" : " or more"}`
        }
        bad={(dead.data?.deliveries.length ?? 0) > 0}
        to={["deliveries"]}
        search={{ state: "DEAD" }}
      />
      <Tile name="Messages to send" value={messages.data === undefined ? "–" : count(messages.data.pendingMessages)} />
      <Tile
        name="Parked provider webhooks"
        value={parked === undefined ? "–" : String(parked)}
        bad={(parked ?? 0) > 0}
      />
    </>
  );
}

function AuditTile() {
  const [newest] = useNewestAudits().data?.audits ?? [];
  return (
    <Tile
      name="Last audit"
      value={newest === undefined ? "–" : auditWords(newest)}
      bad={newest !== undefined && auditTone(newest.state) === "bad"}
      to={["audits"]}
    />
  );
}

function Tile({
  name,
  value,
  bad = false,
  to,
  search = {},
}: {
  name: string;
  value: string;
  bad?: boolean;
  to?: readonly string[];
  search?: Readonly<Record<string, string>>;
}) {
  return (
    <Card component="li" withBorder padding="sm">
      <Text size="xs" c="dimmed">
        {to === undefined ? (
          name
        ) : (
          <To parts={to} search={search}>
            {name}
          </To>
        )}
      </Text>
      <Text fw={700} size="lg">
        {value} {bad && <ToneBadge tone="bad">look</ToneBadge>}
      </Text>
    </Card>
  );
}
