import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import type { Product } from "@sagacart/proto/stock/v1/product";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { type Movement, Movement_Reason, StockService } from "@sagacart/proto/stock/v1/stock_service";
import { useRouter } from "@tanstack/react-router";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { type Column, Facts, Heading, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { pathOf, To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { readWholeNumber } from "../whole-number.ts";
import { productFields } from "./product-form.ts";
import { stockTexts } from "./stock-texts.ts";

/** One product, its stock and its movements. */
export function ProductPage() {
  const text = useTexts(stockTexts);
  const { count, money, time } = useShow();
  const movementColumns = useMovementColumns();
  const id = usePathPart("id");
  const { texts } = useAddress("page");
  const query = useQuery(ProductService.method.getProduct, { id }, { refetchInterval: refreshMs });
  const movements = useQuery(
    StockService.method.listMovements,
    { productId: id, pageToken: texts.page ?? "" },
    listOptions,
  );
  const product = query.data?.product;
  return (
    <Stack>
      <Heading title={text.productOf(id)} actions={product && <ProductActions product={product} />} />
      <Waiting query={query} label={text.theProduct} />
      {product !== undefined && (
        <Facts
          facts={[
            [text.title, product.title],
            [text.sku, product.sku],
            [text.price, money(product.price)],
            [text.onHand, count(product.onHand)],
            [text.reserved, count(product.reserved)],
            [text.available, count(product.available)],
            [text.description, product.description],
            [text.picture, product.pictureUrl ?? ""],
            [text.version, product.etag],
            [
              text.reservations,
              <To key="reservations" parts={["reservations"]} search={{ product: id }}>
                {text.reservationsOfProduct}
              </To>,
            ],
            [
              text.orders,
              <To key="orders" parts={["orders"]} search={{ product: id }}>
                {text.ordersWithProduct}
              </To>,
            ],
            [text.created, time(product.createTime)],
            [text.changed, time(product.updateTime)],
          ]}
        />
      )}
      <Title order={2} size="h4">
        {text.movements}
      </Title>
      <Paged
        label={text.movements}
        query={movements}
        rowsOf={({ movements: rows }) => rows}
        keyOf={(row) => row.id}
        columns={movementColumns}
        empty={text.noMovement}
      />
    </Stack>
  );
}

function useMovementColumns(): readonly Column<Movement>[] {
  const text = useTexts(stockTexts);
  const { actorText, count, time, words } = useShow();
  return [
    { head: text.reason, cell: ({ reason }) => words(Movement_Reason, reason) },
    { head: text.change, cell: ({ delta }) => (delta > 0 ? `+${count(delta)}` : count(delta)), numeric: true },
    {
      head: text.reference,
      cell: ({ reason, reference }) =>
        reason === Movement_Reason.SALE ? <To parts={["orders", reference]}>{reference}</To> : reference,
    },
    { head: text.by, cell: ({ actor }) => actorText(actor) },
    { head: text.recorded, cell: ({ createTime }) => time(createTime) },
  ];
}

function ProductActions({ product }: { product: Product }) {
  const text = useTexts(stockTexts);
  const { count, language, optionsOf } = useShow();
  const call = useCall();
  const router = useRouter();
  const isOperator = useIsOperator();
  const { id, etag } = product;
  if (!isOperator) {
    return null;
  }
  return (
    <>
      <Action
        name="edit"
        label={text.edit}
        explanation={text.editExplanation}
        fields={[
          ...productFields(language, product),
          { name: "etag", label: text.editedVersion, initial: etag, required: true },
        ]}
        run={({ title = "", sku = "", description = "", picture = "", price = "", currency = "", etag: edited = "" }) =>
          call(ProductService.method.updateProduct, {
            product: {
              id,
              etag: edited,
              title,
              sku: sku.trim() || id,
              description,
              pictureUrl: picture.trim(),
              price: readAmount(price, currency.trim().toUpperCase(), language),
            },
            updateMask: { paths: ["title", "sku", "description", "price", "picture_url"] },
          })
        }
      />
      <Action
        name="adjust"
        label={text.move}
        explanation={text.moveExplanation(count(product.onHand), count(product.reserved))}
        fields={[
          {
            name: "delta",
            label: text.change,
            kind: "number",
            required: true,
            description: text.changeHint,
          },
          {
            name: "reason",
            label: text.reason,
            kind: "select",
            options: optionsOf(Movement_Reason).filter(({ value }) => value !== "SALE"),
          },
          { name: "reference", label: text.record, maxLength: 200 },
        ]}
        run={({ delta = "", reason, reference = "" }, requestId) =>
          call(StockService.method.adjustStock, {
            productId: id,
            delta: readWholeNumber(delta),
            reason: enumValue(Movement_Reason, reason),
            reference,
            requestId,
          })
        }
      />
      <Action
        name="count"
        label={text.set}
        explanation={text.setExplanation}
        fields={[
          {
            name: "onHand",
            label: text.onHandWithReserved,
            kind: "number",
            required: true,
            initial: String(product.onHand),
          },
          {
            name: "expected",
            label: text.onHandBefore,
            kind: "number",
            required: true,
            initial: String(product.onHand),
          },
          { name: "reference", label: text.record, maxLength: 200 },
        ]}
        run={({ onHand = "", expected = "", reference = "" }, requestId) =>
          call(StockService.method.setStock, {
            productId: id,
            requestId,
            target: {
              level: { case: "onHand", value: readWholeNumber(onHand) },
              expected: readWholeNumber(expected),
              reference,
            },
          })
        }
      />
      <Action
        name="delete"
        label={text.delete}
        danger
        explanation={text.deleteExplanation}
        fields={[{ name: "releaseManual", label: text.releaseManual, kind: "check" }]}
        run={({ releaseManual }) =>
          call(ProductService.method.deleteProduct, { id, etag, releaseManual: releaseManual === "yes" })
        }
        onDone={() => router.history.push(pathOf(["products"]))}
      />
    </>
  );
}
