import type { Product } from "@sagacart/proto/stock/v1/product";
import type { Language } from "../../i18n/language.tsx";
import type { ActionField } from "../action.tsx";
import { amountText } from "../amount.ts";
import { stockTexts } from "./stock-texts.ts";

/** The inputs for what a product is, with the values of an existing one. */
export function productFields(language: Language, product?: Product): readonly ActionField[] {
  const text = stockTexts[language];
  const currency = product?.price?.currencyCode ?? "USD";
  return [
    { name: "title", label: text.title, required: true, maxLength: 200, initial: product?.title ?? "" },
    { name: "sku", label: text.sku, maxLength: 63, initial: product?.sku ?? "", description: text.skuHint },
    {
      name: "description",
      label: text.description,
      kind: "area",
      maxLength: 10_000,
      initial: product?.description ?? "",
    },
    {
      name: "picture",
      label: text.picture,
      maxLength: 2_000,
      initial: product?.pictureUrl ?? "",
      description: text.pictureHint,
    },
    {
      name: "price",
      label: text.price,
      required: true,
      maxLength: 20,
      initial: product?.price === undefined ? "" : amountText(product.price.minorUnits, currency, language),
    },
    { name: "currency", label: text.currency, required: true, maxLength: 3, initial: currency },
  ];
}
