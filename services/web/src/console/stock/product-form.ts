import type { Product } from "@sagacart/proto/stock/v1/product";
import type { ActionField } from "../action.tsx";
import { amountText } from "../amount.ts";

/** The inputs for what a product is, with the values of an existing one. */
export function productFields(product?: Product): readonly ActionField[] {
  const currency = product?.price?.currencyCode ?? "USD";
  return [
    { name: "title", label: "Title", required: true, maxLength: 200, initial: product?.title ?? "" },
    { name: "sku", label: "SKU", maxLength: 63, initial: product?.sku ?? "", description: "Empty for the id." },
    { name: "description", label: "Description", kind: "area", maxLength: 10_000, initial: product?.description ?? "" },
    {
      name: "picture",
      label: "Picture",
      maxLength: 2_000,
      initial: product?.pictureUrl ?? "",
      description: "An https URL of an origin in PICTURE_ORIGINS, or a path below /assets/. Empty for a drawn one.",
    },
    {
      name: "price",
      label: "Price",
      required: true,
      maxLength: 20,
      initial: product?.price === undefined ? "" : amountText(product.price.minorUnits, currency),
    },
    { name: "currency", label: "Currency", required: true, maxLength: 3, initial: currency },
  ];
}
