import { useQuery } from "@connectrpc/connect-query";
import { Button, Group, TextInput } from "@mantine/core";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { useRouter } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { useAddress } from "../address.ts";
import { type Column, Filters, ListPage, listOptions } from "../list.tsx";
import { enumValue, timeValue } from "../search.ts";
import { money, optionsOf, time, words } from "../show.ts";
import { pathOf, To } from "../to.tsx";
import { ToneBadge } from "../tone-badge.tsx";
import { orderTone } from "./order-tone.ts";

/** The search for orders. */
export function OrdersPage() {
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
      title="Orders"
      query={query}
      rowsOf={({ orders }) => orders}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No order matches."
      filters={
        <>
          <OpenById />
          <Filters
            filters={[
              { name: "state", label: "State", kind: "select", options: optionsOf(Order_State) },
              { name: "customer", label: "Customer id" },
              { name: "product", label: "Product id" },
              { name: "from", label: "Created from", kind: "time" },
              { name: "before", label: "Created before", kind: "time" },
            ]}
          />
        </>
      }
    />
  );
}

const columns: readonly Column<Order>[] = [
  { head: "Order", cell: ({ id }) => <To parts={["orders", id]}>{id}</To> },
  { head: "State", cell: ({ state }) => <OrderBadge state={state} /> },
  { head: "Total", cell: ({ total }) => money(total), numeric: true },
  {
    head: "Customer",
    cell: ({ customerId }) => (
      <To parts={["orders"]} search={{ customer: customerId }}>
        {customerId}
      </To>
    ),
  },
  { head: "Products", cell: ({ lines }) => productsOf(lines) },
  { head: "Reason", cell: ({ outcomeReason }) => outcomeReason },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
  { head: "Changed", cell: ({ updateTime }) => time(updateTime) },
];

function productsOf(lines: Order["lines"]): string {
  const [first] = lines;
  const rest = lines.length - 1;
  return first === undefined
    ? ""
    : `${first.quantity} × ${first.title || first.productId}${rest === 0 ? "" : ` and ${rest} more`}`;
}

export function OrderBadge({ state }: { state: Order_State }) {
  return <ToneBadge tone={orderTone(state)}>{words(Order_State, state)}</ToneBadge>;
}

function OpenById() {
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
          label="Order id"
          size="xs"
          maxLength={63}
          autoComplete="off"
          required
          withAsterisk={false}
        />
        <Button type="submit" size="xs" variant="default">
          Open
        </Button>
      </Group>
    </form>
  );
}
