import { useQuery } from "@connectrpc/connect-query";
import { Stack, Title } from "@mantine/core";
import type { Product } from "@sagacart/proto/stock/v1/product";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { type Movement, Movement_Reason, StockService } from "@sagacart/proto/stock/v1/stock_service";
import { useRouter } from "@tanstack/react-router";
import { Action } from "../action.tsx";
import { useAddress, usePathPart } from "../address.ts";
import { readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { type Column, Facts, Heading, listOptions, Paged, refreshMs, Waiting } from "../list.tsx";
import { enumValue } from "../search.ts";
import { actorText, count, money, optionsOf, time, words } from "../show.ts";
import { pathOf, To } from "../to.tsx";
import { readWholeNumber } from "../whole-number.ts";
import { productFields } from "./product-form.ts";

/** One product, its stock and its movements. */
export function ProductPage() {
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
      <Heading title={`Product ${id}`} actions={product && <ProductActions product={product} />} />
      <Waiting query={query} label="the product" />
      {product !== undefined && (
        <Facts
          facts={[
            ["Title", product.title],
            ["SKU", product.sku],
            ["Price", money(product.price)],
            ["On hand", count(product.onHand)],
            ["Reserved", count(product.reserved)],
            ["Available", count(product.available)],
            ["Description", product.description],
            ["Picture", product.pictureUrl ?? ""],
            ["Version", product.etag],
            [
              "Reservations",
              <To key="reservations" parts={["reservations"]} search={{ product: id }}>
                Reservations of this product
              </To>,
            ],
            [
              "Orders",
              <To key="orders" parts={["orders"]} search={{ product: id }}>
                Orders with this product
              </To>,
            ],
            ["Created", time(product.createTime)],
            ["Changed", time(product.updateTime)],
          ]}
        />
      )}
      <Title order={2} size="h4">
        Movements
      </Title>
      <Paged
        label="Movements"
        query={movements}
        rowsOf={({ movements: rows }) => rows}
        keyOf={(row) => row.id}
        columns={movementColumns}
        empty="Its stock has not moved yet."
      />
    </Stack>
  );
}

const movementColumns: readonly Column<Movement>[] = [
  { head: "Reason", cell: ({ reason }) => words(Movement_Reason, reason) },
  { head: "Change", cell: ({ delta }) => (delta > 0 ? `+${count(delta)}` : count(delta)), numeric: true },
  {
    head: "Reference",
    cell: ({ reason, reference }) =>
      reason === Movement_Reason.SALE ? <To parts={["orders", reference]}>{reference}</To> : reference,
  },
  { head: "By", cell: ({ actor }) => actorText(actor) },
  { head: "Recorded", cell: ({ createTime }) => time(createTime) },
];

function ProductActions({ product }: { product: Product }) {
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
        label="Edit"
        explanation="If somebody else changes the product meanwhile, you are told, and nothing is overwritten."
        fields={[
          ...productFields(product),
          { name: "etag", label: "Version that you edit", initial: etag, required: true },
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
              price: readAmount(price, currency.trim().toUpperCase()),
            },
            updateMask: { paths: ["title", "sku", "description", "price", "picture_url"] },
          })
        }
      />
      <Action
        name="adjust"
        label="Move stock"
        explanation={`${count(product.onHand)} are on hand, ${count(product.reserved)} of them reserved.`}
        fields={[
          {
            name: "delta",
            label: "Change",
            kind: "number",
            required: true,
            description: "Negative for goods that left.",
          },
          {
            name: "reason",
            label: "Reason",
            kind: "select",
            options: optionsOf(Movement_Reason).filter(({ value }) => value !== "SALE"),
          },
          { name: "reference", label: "Record that it belongs to", maxLength: 200 },
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
        label="Set stock"
        explanation="After a stocktaking. It is refused if the stock has moved since you counted it."
        fields={[
          {
            name: "onHand",
            label: "On hand, with what is reserved",
            kind: "number",
            required: true,
            initial: String(product.onHand),
          },
          {
            name: "expected",
            label: "On hand before",
            kind: "number",
            required: true,
            initial: String(product.onHand),
          },
          { name: "reference", label: "Record that it belongs to", maxLength: 200 },
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
        label="Delete"
        danger
        explanation="It is no longer sold, and its id cannot be used again. Its movements and reservations stay."
        fields={[{ name: "releaseManual", label: "Release what is reserved by hand", kind: "check" }]}
        run={({ releaseManual }) =>
          call(ProductService.method.deleteProduct, { id, etag, releaseManual: releaseManual === "yes" })
        }
        onDone={() => router.history.push(pathOf(["products"]))}
      />
    </>
  );
}
