import { useQuery } from "@connectrpc/connect-query";
import { Stack } from "@mantine/core";
import { type Reservation, Reservation_Kind, Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, refreshMs, Waiting } from "../list.tsx";
import { enumValue, timeValue, utcTime } from "../search.ts";
import { actorText, optionsOf, time, words } from "../show.ts";
import { To } from "../to.tsx";
import { readWholeNumber } from "../whole-number.ts";

/** Lists what is set aside, for orders and by hand. */
export function ReservationsPage() {
  const { texts } = useAddress("state", "kind", "product", "page");
  const state = enumValue(Reservation_State, texts.state);
  const query = useQuery(
    StockService.method.listReservations,
    {
      states: state === 0 ? [] : [state],
      kind: enumValue(Reservation_Kind, texts.kind),
      productId: texts.product ?? "",
      pageToken: texts.page ?? "",
    },
    listOptions,
  );
  return (
    <ListPage
      title="Reservations"
      query={query}
      rowsOf={({ reservations }) => reservations}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No reservation matches."
      actions={<ReserveByHand />}
      filters={
        <Filters
          filters={[
            { name: "state", label: "State", kind: "select", options: optionsOf(Reservation_State) },
            { name: "kind", label: "Kind", kind: "select", options: optionsOf(Reservation_Kind) },
            { name: "product", label: "Product id" },
          ]}
        />
      }
    />
  );
}

const linesText = ({ lines }: Reservation) =>
  lines.map(({ productId, quantity }) => `${quantity} × ${productId}`).join(", ");

const columns: readonly Column<Reservation>[] = [
  { head: "Reservation", cell: ({ id }) => <To parts={["reservations", id]}>{id}</To> },
  { head: "State", cell: ({ state }) => words(Reservation_State, state) },
  { head: "Kind", cell: ({ kind }) => words(Reservation_Kind, kind) },
  { head: "Products", cell: (reservation) => <span className={classes.wrap}>{linesText(reservation)}</span> },
  { head: "Expires", cell: ({ expireTime }) => (expireTime === undefined ? "" : time(expireTime)) },
  { head: "By", cell: ({ actor }) => actorText(actor) },
  { head: "Created", cell: ({ createTime }) => time(createTime) },
  { head: "Changed", cell: ({ updateTime }) => time(updateTime) },
];

function ReserveByHand() {
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="reserve"
      label="Reserve by hand"
      fields={[
        { name: "productId", label: "Product id", required: true, maxLength: 63 },
        { name: "quantity", label: "Quantity", kind: "number", required: true, initial: "1" },
        { name: "expires", label: "Expires", kind: "datetime-local", description: "Empty if it does not expire." },
      ]}
      run={({ productId = "", quantity = "", expires = "" }, requestId) => {
        const expireTime = timeValue(utcTime(expires));
        return call(StockService.method.reserveStock, {
          kind: Reservation_Kind.MANUAL,
          lines: [{ productId: productId.trim(), quantity: readWholeNumber(quantity) }],
          requestId,
          ...(expireTime === undefined ? {} : { expireTime }),
        });
      }}
    />
  ) : null;
}

/** One reservation. */
export function ReservationPage() {
  const id = usePathPart("id");
  const call = useCall();
  const isOperator = useIsOperator();
  const query = useQuery(StockService.method.getReservation, { id }, { refetchInterval: refreshMs });
  const reservation = query.data?.reservation;
  const isHeld = reservation?.state === Reservation_State.HELD || reservation?.state === Reservation_State.PINNED;
  return (
    <Stack>
      <Heading
        title={`Reservation ${id}`}
        actions={
          isOperator &&
          isHeld &&
          reservation.kind === Reservation_Kind.MANUAL && (
            <Action
              name="release"
              label="Release"
              danger
              explanation="What it holds can be sold again."
              run={() => call(StockService.method.releaseReservation, { id })}
            />
          )
        }
      />
      <Waiting query={query} label="the reservation" />
      {reservation !== undefined && (
        <Facts
          facts={[
            ["State", words(Reservation_State, reservation.state)],
            ["Kind", words(Reservation_Kind, reservation.kind)],
            [
              "Order",
              reservation.kind === Reservation_Kind.ORDER && (
                <To key="order" parts={["orders", id]}>
                  {id}
                </To>
              ),
            ],
            ["Products", linesText(reservation)],
            [
              "Was short",
              reservation.shortages
                .map(({ productId, requested, available }) => `${productId}: ${requested} asked, ${available} there`)
                .join(", "),
            ],
            ["Expires", reservation.expireTime && time(reservation.expireTime)],
            ["By", actorText(reservation.actor)],
            ["Created", time(reservation.createTime)],
            ["Changed", time(reservation.updateTime)],
          ]}
        />
      )}
    </Stack>
  );
}
