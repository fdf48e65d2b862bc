import { useQuery } from "@connectrpc/connect-query";
import type { Product } from "@sagacart/proto/stock/v1/product";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { Action } from "../action.tsx";
import { useAddress } from "../address.ts";
import { readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { type Column, Filters, ListPage, listOptions } from "../list.tsx";
import { count, money, time } from "../show.ts";
import { To } from "../to.tsx";
import { readWholeNumber } from "../whole-number.ts";
import { productFields } from "./product-form.ts";

/** The catalogue with its stock. */
export function ProductsPage() {
  const { texts } = useAddress("q", "page");
  const query = useQuery(
    ProductService.method.searchProducts,
    { query: texts.q ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title="Products"
      query={query}
      rowsOf={({ products }) => products}
      keyOf={({ id }) => id}
      columns={columns}
      empty="No product matches."
      filters={<Filters filters={[{ name: "q", label: "Words in title, description or SKU" }]} />}
      actions={<CreateProduct />}
    />
  );
}

const columns: readonly Column<Product>[] = [
  { head: "Product", cell: ({ id }) => <To parts={["products", id]}>{id}</To> },
  { head: "Title", cell: ({ title }) => title },
  { head: "SKU", cell: ({ sku }) => sku },
  { head: "Price", cell: ({ price }) => money(price), numeric: true },
  { head: "On hand", cell: ({ onHand }) => count(onHand), numeric: true },
  { head: "Reserved", cell: ({ reserved }) => count(reserved), numeric: true },
  { head: "Available", cell: ({ available }) => count(available), numeric: true },
  { head: "Changed", cell: ({ updateTime }) => time(updateTime) },
];

function CreateProduct() {
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="create"
      label="New product"
      fields={[
        { name: "id", label: "Id", maxLength: 63, description: "Empty for one that the service makes." },
        ...productFields(),
        { name: "onHand", label: "On hand", kind: "number", initial: "0" },
      ]}
      run={(
        { id = "", title = "", sku = "", description = "", picture = "", price = "", currency = "", onHand = "" },
        requestId,
      ) =>
        call(ProductService.method.createProduct, {
          product: {
            id: id.trim(),
            title,
            sku: sku.trim(),
            description,
            pictureUrl: picture.trim(),
            price: readAmount(price, currency.trim().toUpperCase()),
          },
          initialOnHand: readWholeNumber(onHand || "0"),
          requestId,
        })
      }
    />
  ) : null;
}
