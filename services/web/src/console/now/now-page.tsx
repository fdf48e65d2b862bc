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
import { useLanguage, useTexts } from "../../i18n/language.tsx";
import { auditTone, auditWords } from "../audits/audit-state.ts";
import { LastAudit, useNewestAudits } from "../audits/last-audit.tsx";
import classes from "../console.module.css";
import { type Column, Heading, Rows, refreshMs, Waiting } from "../list.tsx";
import { feedNames } from "../outgoing/feed-transport.ts";
import { Consumers } from "../outgoing/feeds-page.tsx";
import { nameOf } from "../show.ts";
import { To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { Chart } from "./chart.tsx";
import { nowTexts } from "./now-texts.ts";
import { addActivity, type Point, rateOf } from "./series.ts";

/** Shows what happens in the shop now. */
export function NowPage() {
  const text = useTexts(nowTexts);
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
      <Heading title={text.now} />
      <Waiting query={query} label={text.theActivity} />
      {activity !== undefined && <Activity activity={activity} points={points} />}
      <LastAudit />
      <Title order={2} size="h4">
        {text.consumers}
      </Title>
      {feedNames.map((feed) => (
        <Stack key={feed} gap="xs">
          <Text size="sm" fw={600}>
            {text.feedOf(feed)}
          </Text>
          <Consumers feed={feed} />
        </Stack>
      ))}
    </Stack>
  );
}

function Activity({ activity, points }: { activity: GetOrderActivityResponse; points: readonly Point[] }) {
  const text = useTexts(nowTexts);
  const { ago, count, counted, money, span, spanOfMs, tenth, words } = useShow();
  const seconds = points.map(({ second }) => second);
  const last = points.findLast(({ median }) => median !== null);
  const batch = points.findLast(({ largestBatch }) => largestBatch !== null);
  const nowMs = activity.time === undefined ? 0 : dateOf(activity.time).getTime();
  const waiting = (number: bigint, oldest: string) => (number === 0n ? "0" : text.waitingFor(count(number), oldest));
  const columns: readonly Column<GetOrderActivityResponse["underWay"][number]>[] = [
    {
      head: text.state,
      cell: ({ state }) => (
        <To parts={["orders"]} search={{ state: nameOf(Order_State, state) }}>
          {words(Order_State, state)}
        </To>
      ),
    },
    { head: text.orders, cell: ({ count: orders }) => count(orders), numeric: true },
    { head: text.oldestChange, cell: ({ oldestUpdateTime }) => ago(oldestUpdateTime, nowMs) },
  ];
  return (
    <>
      {activity.stalled > 0n && (
        <Alert color="red" variant="outline" title={counted(text.stalled, activity.stalled)}>
          {text.stalledExplanation}
        </Alert>
      )}
      <ul className={classes.tiles}>
        <Tile name={text.rate} value={tenth(rateOf(points))} />
        <Tile name={text.halfWithin} value={last === undefined || last.median === null ? "–" : spanOfMs(last.median)} />
        <Tile
          name={text.mostWithin}
          value={last === undefined || last.percentile99 === null ? "–" : spanOfMs(last.percentile99)}
        />
        <Tile
          name={text.batch}
          value={
            batch?.medianBatch == null ? "–" : text.batchOf(count(batch.medianBatch), count(batch.largestBatch ?? 0))
          }
        />
        <Tile
          name={text.openIncidents}
          value={count(activity.openIncidents)}
          bad={activity.openIncidents > 0n}
          to={["incidents"]}
          search={{ state: "OPEN" }}
        />
        <Tile
          name={text.moneyHeld}
          value={activity.held.length === 0 ? text.noMoney : activity.held.map(money).join(", ")}
        />
        <Tile name={text.commands} value={waiting(activity.waitingCommands, span(activity.oldestCommand))} />
        <Tile name={text.eventsNotInFeed} value={waiting(activity.unsequencedEvents, span(activity.oldestEvent))} />
        <Outgoing />
        <AuditTile />
      </ul>
      <div className={classes.charts}>
        <Chart
          label={text.bySecond}
          summary={text.rateIs(tenth(rateOf(points)))}
          seconds={seconds}
          unit=""
          lines={[
            { label: text.placed, color: "indigo", values: points.map(({ created }) => created) },
            { label: text.completed, color: "green", values: points.map(({ completed }) => completed) },
            { label: text.refused, color: "red", dashed: true, values: points.map(({ refused }) => refused) },
          ]}
        />
        <Chart
          label={text.toCompletion}
          summary={
            last === undefined || last.median === null ? text.nothingCompleted : text.halfIs(spanOfMs(last.median))
          }
          seconds={seconds}
          unit="ms"
          lines={[
            { label: text.median, color: "indigo", bridged: true, values: points.map(({ median }) => median) },
            {
              label: text.percentile99,
              color: "orange",
              dashed: true,
              bridged: true,
              values: points.map(({ percentile99 }) => percentile99),
            },
          ]}
        />
        <Chart
          label={text.batchSizes}
          summary={batch?.largestBatch == null ? text.noBatch : counted(text.batchMost, batch.largestBatch)}
          seconds={seconds}
          unit=""
          lines={[
            {
              label: text.median,
              color: "indigo",
              bridged: true,
              values: points.map(({ medianBatch }) => medianBatch),
            },
            {
              label: text.largest,
              color: "orange",
              dashed: true,
              bridged: true,
              values: points.map(({ largestBatch }) => largestBatch),
            },
          ]}
        />
      </div>
      <Title order={2} size="h4">
        {text.underWay}
      </Title>
      <Rows
        label={text.ordersUnderWay}
        rows={activity.underWay}
        keyOf={({ state }) => String(state)}
        columns={columns}
      />
      <Title order={2} size="h4">
        {text.refusedOfMinute}
      </Title>
      <Rows
        label={text.refusedByReason}
        rows={activity.refused}
        keyOf={({ reason }) => reason}
        columns={[
          { head: text.reason, cell: ({ reason }) => reason || text.noReason },
          { head: text.orders, cell: (row) => count(row.count), numeric: true },
        ]}
      />
    </>
  );
}

/** The counts of what could not be delivered, or waits to be. Each list is counted up to a page of 200. */
function Outgoing() {
  const text = useTexts(nowTexts);
  const { count } = useShow();
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
        name={text.deadLetters}
        value={
          dead.data === undefined
            ? "–"
            : dead.data.nextPageToken === ""
              ? count(dead.data.deliveries.length)
              : text.orMore(count(dead.data.deliveries.length))
        }
        bad={(dead.data?.deliveries.length ?? 0) > 0}
        to={["deliveries"]}
        search={{ state: "DEAD" }}
      />
      <Tile
        name={text.messagesToSend}
        value={messages.data === undefined ? "–" : count(messages.data.pendingMessages)}
      />
      <Tile name={text.parked} value={parked === undefined ? "–" : count(parked)} bad={(parked ?? 0) > 0} />
    </>
  );
}

function AuditTile() {
  const text = useTexts(nowTexts);
  const { language } = useLanguage();
  const [newest] = useNewestAudits().data?.audits ?? [];
  return (
    <Tile
      name={text.lastAudit}
      value={newest === undefined ? "–" : auditWords(newest, language)}
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
  const text = useTexts(nowTexts);
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
        {value} {bad && <ToneBadge tone="bad">{text.look}</ToneBadge>}
      </Text>
    </Card>
  );
}
