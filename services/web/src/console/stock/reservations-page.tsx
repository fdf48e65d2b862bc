import { useQuery } from "@connectrpc/connect-query";
import { Stack } from "@mantine/core";
import { type Reservation, Reservation_Kind, Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { useCall, useIsOperator } from "../call.ts";
import classes from "../console.module.css";
import { type Column, Facts, Filters, Heading, ListPage, listOptions, refreshMs, Waiting } from "../list.tsx";
import { enumValue, timeValue, utcTime } from "../search.ts";
import type { Show } from "../show.ts";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { readWholeNumber } from "../whole-number.ts";
import { stockTexts } from "./stock-texts.ts";

/** Lists what is set aside, for orders and by hand. */
export function ReservationsPage() {
  const text = useTexts(stockTexts);
  const { optionsOf } = useShow();
  const columns = useColumns();
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
      title={text.reservations}
      query={query}
      rowsOf={({ reservations }) => reservations}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noReservation}
      actions={<ReserveByHand />}
      filters={
        <Filters
          filters={[
            { name: "state", label: text.state, kind: "select", options: optionsOf(Reservation_State) },
            { name: "kind", label: text.kind, kind: "select", options: optionsOf(Reservation_Kind) },
            { name: "product", label: text.productId },
          ]}
        />
      }
    />
  );
}

const linesText = ({ lines }: Reservation, { count }: Show) =>
  lines.map(({ productId, quantity }) => `${count(quantity)} × ${productId}`).join(", ");

function useColumns(): readonly Column<Reservation>[] {
  const text = useTexts(stockTexts);
  const show = useShow();
  const { actorText, time, words } = show;
  return [
    { head: text.reservation, cell: ({ id }) => <To parts={["reservations", id]}>{id}</To> },
    { head: text.state, cell: ({ state }) => words(Reservation_State, state) },
    { head: text.kind, cell: ({ kind }) => words(Reservation_Kind, kind) },
    {
      head: text.products,
      cell: (reservation) => <span className={classes.wrap}>{linesText(reservation, show)}</span>,
    },
    { head: text.expires, cell: ({ expireTime }) => (expireTime === undefined ? "" : time(expireTime)) },
    { head: text.by, cell: ({ actor }) => actorText(actor) },
    { head: text.created, cell: ({ createTime }) => time(createTime) },
    { head: text.changed, cell: ({ updateTime }) => time(updateTime) },
  ];
}

function ReserveByHand() {
  const text = useTexts(stockTexts);
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="reserve"
      label={text.reserve}
      fields={[
        { name: "productId", label: text.productId, required: true, maxLength: 63 },
        { name: "quantity", label: text.quantity, kind: "number", required: true, initial: "1" },
        { name: "expires", label: text.expires, kind: "datetime-local", description: text.expiresHint },
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
  const text = useTexts(stockTexts);
  const show = useShow();
  const { actorText, count, time, words } = show;
  const id = usePathPart("id");
  const call = useCall();
  const isOperator = useIsOperator();
  const query = useQuery(StockService.method.getReservation, { id }, { refetchInterval: refreshMs });
  const reservation = query.data?.reservation;
  const isHeld = reservation?.state === Reservation_State.HELD || reservation?.state === Reservation_State.PINNED;
  return (
    <Stack>
      <Heading
        title={text.reservationOf(id)}
        actions={
          isOperator &&
          isHeld &&
          reservation.kind === Reservation_Kind.MANUAL && (
            <Action
              name="release"
              label={text.release}
              danger
              explanation={text.releaseExplanation}
              run={() => call(StockService.method.releaseReservation, { id })}
            />
          )
        }
      />
      <Waiting query={query} label={text.theReservation} />
      {reservation !== undefined && (
        <Facts
          facts={[
            [text.state, words(Reservation_State, reservation.state)],
            [text.kind, words(Reservation_Kind, reservation.kind)],
            [
              text.order,
              reservation.kind === Reservation_Kind.ORDER && (
                <To key="order" parts={["orders", id]}>
                  {id}
                </To>
              ),
            ],
            [text.products, linesText(reservation, show)],
            [
              text.wasShort,
              reservation.shortages
                .map(({ productId, requested, available }) => text.short(productId, count(requested), count(available)))
                .join(", "),
            ],
            [text.expires, reservation.expireTime && time(reservation.expireTime)],
            [text.by, actorText(reservation.actor)],
            [text.created, time(reservation.createTime)],
            [text.changed, time(reservation.updateTime)],
          ]}
        />
      )}
    </Stack>
  );
}
