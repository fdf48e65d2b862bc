import { useState } from "react";
import { useSiteConfig } from "../use-site-config.tsx";
import { drawnPictureOf, ownPictureOf } from "./pictures.ts";

type Pictured = {
  readonly id: string;
  readonly sku: string;
  readonly title: string;
  readonly pictureUrl?: string | undefined;
};

/**
 * Shows a product's picture: its own, if it has one and this shop's policy lets the browser load it, or else one that is drawn for
 * products of its kind. The title stands beside it, so that it needs no text of its own.
 */
export function ProductPicture(given: {
  product: Pictured;
  width: number;
  height: number;
  className?: string | undefined;
  loading?: "lazy";
}) {
  const { product, ...attributes } = given;
  const { pictureOrigins } = useSiteConfig();
  const [failed, setFailed] = useState("");
  const own = ownPictureOf(product.pictureUrl ?? "", pictureOrigins ?? []);
  const isShown = own !== undefined && own !== failed;
  return (
    <img
      {...attributes}
      src={isShown ? own : drawnPictureOf(product)}
      alt=""
      // Another site need not know what is looked at here.
      referrerPolicy="no-referrer"
      onError={() => setFailed(own ?? "")}
    />
  );
}
