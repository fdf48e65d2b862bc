import { useQuery } from "@connectrpc/connect-query";
import { Button, Group, TextInput } from "@mantine/core";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { useRouter } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { useTexts } from "../../i18n/language.tsx";
import { useAddress } from "../address.ts";
import { type Column, Filters, ListPage, listOptions } from "../list.tsx";
import { enumValue, timeValue } from "../search.ts";
import { pathOf, To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { useShow } from "../use-show.ts";
import { orderTone } from "./order-tone.ts";
import { ordersTexts } from "./orders-texts.ts";

/** The search for orders. */
export function OrdersPage() {
  const text = useTexts(ordersTexts);
  const { optionsOf } = useShow();
  const columns = useColumns();
  const { texts } = useAddress("state", "customer", "product", "cart", "from", "before", "page");
  const state = enumValue(Order_State, texts.state);
  const from = timeValue(texts.from);
  const before = timeValue(texts.before);
  const query = useQuery(
    OrderService.method.listOrders,
    {
      customerId: texts.customer ?? "",
      productId: texts.product ?? "",
      cartId: texts.cart ?? "",
      states: state === 0 ? [] : [state],
      pageToken: texts.page ?? "",
      ...(from === undefined ? {} : { createTimeFrom: from }),
      ...(before === undefined ? {} : { createTimeBefore: before }),
    },
    listOptions,
  );
  return (
    <ListPage
      title={text.orders}
      query={query}
      rowsOf={({ orders }) => orders}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noOrder}
      filters={
        <>
          <OpenById />
          <Filters
            filters={[
              { name: "state", label: text.state, kind: "select", options: optionsOf(Order_State) },
              { name: "customer", label: text.customerId },
              { name: "product", label: text.productId },
              { name: "from", label: text.createdFrom, kind: "time" },
              { name: "before", label: text.createdBefore, kind: "time" },
            ]}
          />
        </>
      }
    />
  );
}

function useColumns(): readonly Column<Order>[] {
  const text = useTexts(ordersTexts);
  const { count, money, time } = useShow();
  const productsOf = ([first, ...rest]: Order["lines"]) => {
    const shown = first === undefined ? "" : `${count(first.quantity)} × ${first.title || first.productId}`;
    return rest.length === 0 ? shown : text.more(shown, count(rest.length));
  };
  return [
    { head: text.order, cell: ({ id }) => <To parts={["orders", id]}>{id}</To> },
    { head: text.state, cell: ({ state }) => <OrderBadge state={state} /> },
    { head: text.total, cell: ({ total }) => money(total), numeric: true },
    {
      head: text.customer,
      cell: ({ customerId }) => (
        <To parts={["orders"]} search={{ customer: customerId }}>
          {customerId}
        </To>
      ),
    },
    { head: text.products, cell: ({ lines }) => productsOf(lines) },
    { head: text.reason, cell: ({ outcomeReason }) => outcomeReason },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
    { head: text.changed, cell: ({ updateTime }) => time(updateTime) },
  ];
}

export function OrderBadge({ state }: { state: Order_State }) {
  const { words } = useShow();
  return <ToneBadge tone={orderTone(state)}>{words(Order_State, state)}</ToneBadge>;
}

function OpenById() {
  const text = useTexts(ordersTexts);
  const router = useRouter();
  const open = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget).get("id") ?? "").trim();
    if (id !== "") {
      router.history.push(pathOf(["orders", id]));
    }
  };
  return (
    <form onSubmit={open}>
      <Group align="flex-end" gap="sm">
        <TextInput
          name="id"
          label={text.orderId}
          size="xs"
          maxLength={63}
          autoComplete="off"
          required
          withAsterisk={false}
        />
        <Button type="submit" size="xs" variant="default">
          {text.open}
        </Button>
      </Group>
    </form>
  );
}
