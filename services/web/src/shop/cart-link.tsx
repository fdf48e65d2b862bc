import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type Texts, useTexts } from "../i18n/language.tsx";
import { unitsOf, useCart } from "./use-cart.ts";

const texts: Texts<{ cart: string; units: (count: number) => string }> = {
  en: { cart: "Cart", units: (count) => `Cart, ${count} ${count === 1 ? "item" : "items"}` },
  de: { cart: "Warenkorb", units: (count) => `Warenkorb, ${count} Stück` },
};

/** The way to the cart, with the number of units in it. */
export function CartLink() {
  const text = useTexts(texts);
  const count = unitsOf(useCart().cart);
  return (
    <Button component={Link} to="/shop/cart" size="sm" variant="light" aria-label={text.units(count)}>
      {count === 0 ? text.cart : `${text.cart} (${count})`}
    </Button>
  );
}
