import { Code } from "@connectrpc/connect";
import { Alert, Anchor, Badge, Button, Container, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { type Order, Order_State, OrderDispute_State } from "@sagacart/proto/order/v1/order";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useLocation } from "@tanstack/react-router";
import { Suspense, useEffect, useState } from "react";
import { isStaff, useSession } from "../auth/use-session.tsx";
import { traceIdsOf, traceUrl as traceUrlOf } from "../console/orders/trace/trace-ids.ts";
import { workflowUrl } from "../console/orders/workflow-url.ts";
import { dateOf, formatMoney, formatTime } from "../i18n/format.ts";
import { type Language, useLanguage, useTexts } from "../i18n/language.tsx";
import { lazyChunk } from "../layout/lazy-chunk.ts";
import { PageLink } from "../layout/page-link.tsx";
import { failureOf } from "../rpc/failure.ts";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { useSiteConfig } from "../use-site-config.tsx";
import { oneLine } from "./address-fields.ts";
import { createAttempt } from "./attempt.ts";
import { declineText } from "./decline-text.ts";
import { MethodInput, useWaysToPay } from "./method-input.tsx";
import classes from "./order-page.module.css";
import { type OrderTexts, orderTexts, stateName } from "./order-texts.ts";
import { outcomeText } from "./outcome-text.ts";
import { initialMethod, methodLabel } from "./payment-methods.ts";
import { finalStates, isCancellable, isNothingTaken, type TimelineEntry, timelineOf } from "./timeline.ts";
import { useOrder } from "./use-order.ts";
import type { Watched } from "./watch-order.ts";

const ClaimOrder = lazyChunk(async () => (await import("./claim-order.tsx")).ClaimOrder);
const OrderMessages = lazyChunk(async () => (await import("./order-messages.tsx")).OrderMessages);

const route = getRouteApi("/shop/orders/$orderId");

/** One order: its saga as it happens, what became of stock and money, and what its customer can do. */
export function OrderPage() {
  const { orderId } = route.useParams();
  const text = useTexts(orderTexts);
  const { state } = useSession();
  const { watched, cancel, pay, isGuest, watchAgain } = useOrder(orderId);
  const { order, error } = watched;
  const queries = useQueryClient();
  const hasEnded = watched.connection === "ended";
  useEffect(() => {
    // Its cart is closed, or open again.
    if (hasEnded) {
      void queries.invalidateQueries({ queryKey: ["cart"] });
    }
  }, [hasEnded, queries]);
  return (
    <Container size="md">
      <title>{`${text.title} · Sagacart`}</title>
      <Stack gap="lg">
        <Heading id={orderId} watched={watched} />
        <FailureAlert error={error} onRetry={watchAgain} />
        {error !== undefined && failureOf(error).code === Code.Unauthenticated && <SignIn />}
        {order === undefined && error === undefined && <Loader aria-label={text.title} />}
        {order !== undefined && (
          <>
            <Timeline watched={watched} order={order} />
            <Outcome order={order} />
            {order.state === Order_State.AWAITING_PAYMENT && <PayForm order={order} pay={pay} hasBalance={!isGuest} />}
            {isCancellable(order.state) && (
              <Group>
                <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
                  {text.cancel}
                </Button>
              </Group>
            )}
            <FailureAlert error={cancel.error} />
            <Contents order={order} />
            {isStaff(state) && <ForStaff order={order} changes={watched.changes} />}
            {isGuest && state.kind === "signed-in" && (
              <Suspense>
                <ClaimOrder order={order} onClaimed={watchAgain} />
              </Suspense>
            )}
            {isGuest ? (
              <Text size="sm" c="dimmed">
                {text.mails(order.contactEmail)}
              </Text>
            ) : (
              <Suspense>
                <OrderMessages orderId={orderId} hasEnded={hasEnded} />
              </Suspense>
            )}
          </>
        )}
      </Stack>
    </Container>
  );
}

/** Leads to the sign-in and back to this page. */
function SignIn() {
  const text = useTexts(orderTexts);
  const { session } = useSession();
  const { issuer } = useSiteConfig();
  const { href } = useLocation();
  const signIn = useMutation({ mutationFn: () => session.signIn(href) });
  if (issuer === undefined) {
    return null;
  }
  return (
    <>
      <Group>
        <Button loading={signIn.isPending} onClick={() => signIn.mutate()}>
          {text.signIn}
        </Button>
      </Group>
      <FailureAlert error={signIn.error} />
    </>
  );
}

function Heading({ id, watched: { order, connection } }: { id: string; watched: Watched }) {
  const text = useTexts(orderTexts);
  const { language } = useLanguage();
  return (
    <div>
      <Group>
        <Title order={1}>{text.title}</Title>
        {order !== undefined && (
          <Badge size="lg" color={colorOf(order.state)} variant="outline" data-testid="order-state">
            {stateName(order.state, language)}
          </Badge>
        )}
      </Group>
      <Text size="sm" c="dimmed" className={classes.id}>
        {id}
      </Text>
      <Text size="sm" c="dimmed" role="status" data-connection={connection}>
        {text.connection[connection]}
      </Text>
    </div>
  );
}

function Timeline({ order, watched }: { order: Order; watched: Watched }) {
  const text = useTexts(orderTexts);
  const { language } = useLanguage();
  const entries = timelineOf(order, watched.changes);
  return (
    <section aria-labelledby="progress">
      <Title order={2} size="h4" id="progress" mb="xs">
        {text.progress}
      </Title>
      <ol className={classes.timeline}>
        {entries.map((entry) => (
          <li key={entry.what} className={classes.entry} data-what={entry.what} data-status={entry.status}>
            <span className={classes.mark} data-mark={markOf(entry, order.state)} aria-hidden="true">
              {marks[markOf(entry, order.state)]}
            </span>
            <div>
              <Text fw={600}>
                {titleOf(entry, order, text, language)}{" "}
                {entry.what !== "end" && !isNothingGivenBack(entry, order) && (
                  <Text span size="sm" c="dimmed" fw={400}>
                    {text.status[entry.status]}
                  </Text>
                )}
              </Text>
              {detailsOf(entry, order, text, language).map((detail) => (
                <Text size="sm" key={detail}>
                  {detail}
                </Text>
              ))}
              {entry.time !== undefined && (
                <Text size="sm" c="dimmed">
                  <time dateTime={dateOf(entry.time).toISOString()}>{formatTime(entry.time, language)}</time>
                </Text>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

const marks = {
  ...{ done: "✓", doing: "…", waiting: "?", todo: "·", refused: "✕", skipped: "–" },
  ...{ undone: "↶", failed: "■" },
} as const;

function markOf({ what, status }: TimelineEntry, state: Order_State): keyof typeof marks {
  if (what === "end" && state !== Order_State.COMPLETED) {
    return "failed";
  }
  return what.startsWith("undo") && status === "done" ? "undone" : status;
}

function titleOf(entry: TimelineEntry, order: Order, text: OrderTexts, language: Language): string {
  if (entry.what === "end") {
    return stateName(order.state, language);
  }
  return isNothingGivenBack(entry, order) ? text.nothingToGiveBack : text.steps[entry.what];
}

function isNothingGivenBack({ what, status }: TimelineEntry, order: Order): boolean {
  return what === "undo-charge" && status === "done" && isNothingTaken(order);
}

function detailsOf({ what, status }: TimelineEntry, order: Order, text: OrderTexts, language: Language): string[] {
  const { payment, shortages, lines } = order;
  if (what === "reserve" && status === "refused") {
    return shortages.map(({ productId, requested, available }) => {
      const title = lines.find((line) => line.productId === productId)?.title ?? productId;
      return text.short(title, requested, available);
    });
  }
  if (what === "charge" && payment !== undefined) {
    const declined = payment.declineReason === "" ? [] : [text.declined(declineText(payment.declineReason, language))];
    const attempt = payment.attempt === 0 ? [] : [text.attempt(payment.attempt, methodLabel(payment.method, language))];
    return [...attempt, ...declined];
  }
  if (what === "ship" && status === "done" && order.trackingNumber !== "") {
    return [text.tracking(order.trackingNumber)];
  }
  if (what === "ship" && status === "refused") {
    return [order.outcomeDetail === "" ? "" : declineText(order.outcomeDetail, language)].filter((line) => line !== "");
  }
  if (what === "undo-charge" && payment !== undefined && !isNothingTaken(order)) {
    return [text.givenBack];
  }
  return [];
}

/** Says what became of the stock and the money. */
function Outcome({ order }: { order: Order }) {
  const text = useTexts(orderTexts);
  const { language } = useLanguage();
  if (!finalStates.has(order.state)) {
    return null;
  }
  const total = order.total === undefined ? "" : formatMoney(order.total, language);
  const isBought = order.state === Order_State.COMPLETED;
  const refunded = order.refunded !== undefined && order.refunded.minorUnits > 0n ? order.refunded : undefined;
  const disputed = order.disputes.some(({ state }) => state === OrderDispute_State.OPEN);
  return (
    <Alert color={isBought ? "green" : "orange"} variant="outline" role="status">
      <Stack gap={4}>
        {order.outcomeReason !== "" && <Text size="sm">{outcomeText(order.outcomeReason, language)}</Text>}
        <Text size="sm">{isBought ? text.sold : text.released}</Text>
        <Text size="sm">{isBought ? text.paid(total) : text.nothingKept}</Text>
        {refunded !== undefined && <Text size="sm">{text.refunded(formatMoney(refunded, language))}</Text>}
        {disputed && <Text size="sm">{text.disputed}</Text>}
      </Stack>
    </Alert>
  );
}

function PayForm(given: { order: Order; pay: ReturnType<typeof useOrder>["pay"]; hasBalance: boolean }) {
  const { order, pay, hasBalance } = given;
  const text = useTexts(orderTexts);
  const { language } = useLanguage();
  const ways = useWaysToPay(hasBalance);
  const [method, setMethod] = useState(() => initialMethod(ways, order.payment?.method));
  // A repeat of the same attempt has the same key; an attempt after a decline has another one.
  const [attempt] = useState(createAttempt);
  return (
    <section aria-labelledby="pay">
      <Title order={2} size="h4" id="pay" mb="xs">
        {text.pay}
      </Title>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const requestId = attempt.requestIdFor(`${method} ${order.payment?.attempt}`);
          pay.mutate({ method: method.trim(), requestId });
        }}
      >
        <Stack align="flex-start">
          {order.expireTime !== undefined && (
            <Text size="sm">{text.payUntil(formatTime(order.expireTime, language))}</Text>
          )}
          <MethodInput ways={ways} value={method} onChange={setMethod} />
          <Button type="submit" loading={pay.isPending}>
            {text.payNow(order.total === undefined ? "" : formatMoney(order.total, language))}
          </Button>
          <FailureAlert error={pay.error} />
        </Stack>
      </form>
    </section>
  );
}

function Contents({ order }: { order: Order }) {
  const text = useTexts(orderTexts);
  const { language } = useLanguage();
  const address = order.shippingAddress;
  return (
    <section aria-labelledby="contents">
      <Title order={2} size="h4" id="contents" mb="xs">
        {text.contents}
      </Title>
      <ul className={classes.contents}>
        {order.lines.map((line) => (
          <li key={line.productId}>
            <span>
              {line.quantity} × {line.title}
            </span>
            <span>{line.unitPrice && formatMoney(timesOf(line.unitPrice, line.quantity), language)}</span>
          </li>
        ))}
        <li className={classes.total}>
          <span>{text.total}</span>
          <span>{order.total && formatMoney(order.total, language)}</span>
        </li>
      </ul>
      <Text size="sm" mt="sm">
        {address === undefined ? text.pickUp : `${text.shipTo}: ${oneLine(address)}`}
      </Text>
    </section>
  );
}

/** Shows staff where to find it elsewhere. */
function ForStaff({ order, changes }: { order: Order; changes: Watched["changes"] }) {
  const text = useTexts(orderTexts);
  const { temporalUrl, traceUrl, keepsTraces } = useSiteConfig();
  const { state } = useSession();
  const isOperator = state.kind === "signed-in" && state.user.roles.includes("operator");
  const [traceId] = traceIdsOf(changes);
  return (
    <>
      {order.workflowId !== "" && (
        <Text size="sm">
          {text.workflow}:{" "}
          {temporalUrl === undefined ? (
            order.workflowId
          ) : (
            <Anchor href={workflowUrl(temporalUrl, order.workflowId)} target="_blank" rel="noreferrer" size="sm">
              {order.workflowId}
            </Anchor>
          )}
        </Text>
      )}
      {isOperator && traceId !== undefined && (traceUrl !== undefined || keepsTraces === true) && (
        <Text size="sm">
          {traceUrl === undefined ? (
            <PageLink to="/console/$" params={{ _splat: `orders/${order.id}` }} hash="trace" size="sm">
              {text.trace}
            </PageLink>
          ) : (
            <Anchor href={traceUrlOf(traceUrl, traceId)} target="_blank" rel="noreferrer" size="sm">
              {text.trace}
            </Anchor>
          )}
        </Text>
      )}
    </>
  );
}

function timesOf(price: { currencyCode: string; minorUnits: bigint }, quantity: number) {
  return { currencyCode: price.currencyCode, minorUnits: price.minorUnits * BigInt(quantity) };
}

function colorOf(state: Order_State): string {
  if (state === Order_State.COMPLETED) {
    return "green";
  }
  return finalStates.has(state) || state === Order_State.CANCELLING ? "orange" : "blue";
}
