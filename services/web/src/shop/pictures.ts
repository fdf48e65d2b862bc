import box from "./pictures/box.svg";
import headphones from "./pictures/headphones.svg";
import keyboard from "./pictures/keyboard.svg";
import laptop from "./pictures/laptop.svg";
import monitor from "./pictures/monitor.svg";
import mouse from "./pictures/mouse.svg";
import mug from "./pictures/mug.svg";

/** The pictures that are drawn for this shop, by a word in a product's SKU, id or title; the first that fits. */
const pictures: readonly (readonly [RegExp, string])[] = [
  [/laptop|notebook/i, laptop],
  [/keyboard|\bkb-/i, keyboard],
  [/mouse/i, mouse],
  [/monitor|display|\bmon-/i, monitor],
  [/headphone|headset|\bhp-/i, headphones],
  [/mug|cup/i, mug],
];

/**
 * Returns the address of a product's own picture; undefined without one, and for one of an origin that the policy of the pages
 * does not name, which the browser would refuse with a complaint.
 */
export function ownPictureOf(url: string, origins: readonly string[]): string | undefined {
  if (url.startsWith("/assets/")) {
    return url;
  }
  return URL.canParse(url) && origins.includes(new URL(url).origin) ? url : undefined;
}

/** Returns the address of a drawn picture; that of a parcel if there is none of the product's kind. */
export function drawnPictureOf(product: { readonly id: string; readonly sku: string; readonly title: string }): string {
  const words = `${product.sku} ${product.id} ${product.title}`;
  return pictures.find(([kind]) => kind.test(words))?.[1] ?? box;
}
