import { useInfiniteQuery } from "@connectrpc/connect-query";
import { Badge, Button, Container, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { Link } from "@tanstack/react-router";
import { customerIdOf, useSession } from "../auth/use-session.tsx";
import { formatMoney, formatTime } from "../i18n/format.ts";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { PageLink } from "../layout/page-link.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { guestOrderIds } from "./cart-store.ts";
import { CreateAccount } from "./create-account.tsx";
import { stateName } from "./order-texts.ts";
import classes from "./orders-page.module.css";

type OrdersTexts = {
  readonly title: string;
  readonly none: string;
  readonly more: string;
  readonly units: (count: number) => string;
  readonly asGuest: string;
  readonly signIn: string;
  readonly createAccount: string;
};

const texts: Texts<OrdersTexts> = {
  en: {
    title: "Orders",
    none: "There are no orders yet.",
    more: "Show more",
    units: (count) => (count === 1 ? "1 item" : `${count} items`),
    asGuest: "Orders that were made with this browser without signing in:",
    signIn: "Sign in to see the orders of your account.",
    createAccount: "Create an account",
  },
  de: {
    title: "Bestellungen",
    none: "Noch gibt es keine Bestellungen.",
    more: "Mehr anzeigen",
    units: (count) => (count === 1 ? "1 Stück" : `${count} Stück`),
    asGuest: "Bestellungen, die mit diesem Browser ohne Anmeldung gemacht wurden:",
    signIn: "Melden Sie sich an, um die Bestellungen Ihres Kontos zu sehen.",
    createAccount: "Konto anlegen",
  },
};

/** One's own orders, newest first; for guests those that this browser knows. */
export function OrdersPage() {
  const text = useTexts(texts);
  const { state } = useSession();
  return (
    <Container size="md">
      <title>{`${text.title} · Sagacart`}</title>
      <Stack>
        <Title order={1}>{text.title}</Title>
        {state.kind === "signed-in" && <OwnOrders customerId={customerIdOf(state)} />}
        {state.kind === "signed-out" && (
          <>
            <Text>{text.signIn}</Text>
            <CreateAccount label={text.createAccount} />
          </>
        )}
        <GuestOrders />
      </Stack>
    </Container>
  );
}

function OwnOrders({ customerId }: { customerId: string }) {
  const text = useTexts(texts);
  const { language } = useLanguage();
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery(
    OrderService.method.listOrders,
    { customerId, pageSize: 20, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
    },
  );
  const orders = data?.pages.flatMap((page) => page.orders) ?? [];
  return (
    <>
      {isPending && <Loader aria-label={text.title} />}
      <FailureAlert error={error} onRetry={refetch} />
      {data !== undefined && orders.length === 0 && <Text role="status">{text.none}</Text>}
      <ul className={classes.orders}>
        {orders.map((order) => (
          <li key={order.id} className={classes.order}>
            <Link to="/shop/orders/$orderId" params={{ orderId: order.id }} className={classes.link}>
              {order.createTime && formatTime(order.createTime, language)}
            </Link>
            <Text size="sm" c="dimmed">
              {text.units(order.lines.reduce((sum, { quantity }) => sum + quantity, 0))}
            </Text>
            <Group gap="sm">
              <Badge variant="outline">{stateName(order.state, language)}</Badge>
              <Text fw={600}>{order.total && formatMoney(order.total, language)}</Text>
            </Group>
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {text.more}
        </Button>
      )}
    </>
  );
}

function GuestOrders() {
  const text = useTexts(texts);
  const ids = guestOrderIds();
  return ids.length === 0 ? null : (
    <div>
      <Text>{text.asGuest}</Text>
      <ul>
        {ids.map((id) => (
          <li key={id}>
            <PageLink to="/shop/orders/$orderId" params={{ orderId: id }} className={classes.id}>
              {id}
            </PageLink>
          </li>
        ))}
      </ul>
    </div>
  );
}
