import { useQuery } from "@connectrpc/connect-query";
import type { Product } from "@sagacart/proto/stock/v1/product";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { useTexts } from "../../i18n/language.tsx";
import { Action } from "../action.tsx";
import { useAddress } from "../address.ts";
import { readAmount } from "../amount.ts";
import { useCall, useIsOperator } from "../call.ts";
import { type Column, Filters, ListPage, listOptions } from "../list.tsx";
import { To } from "../to.tsx";
import { useShow } from "../use-show.ts";
import { readWholeNumber } from "../whole-number.ts";
import { productFields } from "./product-form.ts";
import { stockTexts } from "./stock-texts.ts";

/** The catalogue with its stock. */
export function ProductsPage() {
  const text = useTexts(stockTexts);
  const columns = useColumns();
  const { texts } = useAddress("q", "page");
  const query = useQuery(
    ProductService.method.searchProducts,
    { query: texts.q ?? "", pageToken: texts.page ?? "" },
    listOptions,
  );
  return (
    <ListPage
      title={text.products}
      query={query}
      rowsOf={({ products }) => products}
      keyOf={({ id }) => id}
      columns={columns}
      empty={text.noProduct}
      filters={<Filters filters={[{ name: "q", label: text.searchWords }]} />}
      actions={<CreateProduct />}
    />
  );
}

function useColumns(): readonly Column<Product>[] {
  const text = useTexts(stockTexts);
  const { count, money, time } = useShow();
  return [
    { head: text.product, cell: ({ id }) => <To parts={["products", id]}>{id}</To> },
    { head: text.title, cell: ({ title }) => title },
    { head: text.sku, cell: ({ sku }) => sku },
    { head: text.price, cell: ({ price }) => money(price), numeric: true },
    { head: text.onHand, cell: ({ onHand }) => count(onHand), numeric: true },
    { head: text.reserved, cell: ({ reserved }) => count(reserved), numeric: true },
    { head: text.available, cell: ({ available }) => count(available), numeric: true },
    { head: text.changed, cell: ({ updateTime }) => time(updateTime) },
  ];
}

function CreateProduct() {
  const text = useTexts(stockTexts);
  const { language } = useShow();
  const call = useCall();
  return useIsOperator() ? (
    <Action
      name="create"
      label={text.newProduct}
      fields={[
        { name: "id", label: text.id, maxLength: 63, description: text.idHint },
        ...productFields(language),
        { name: "onHand", label: text.onHand, kind: "number", initial: "0" },
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
            price: readAmount(price, currency.trim().toUpperCase(), language),
          },
          initialOnHand: readWholeNumber(onHand || "0"),
          requestId,
        })
      }
    />
  ) : null;
}
