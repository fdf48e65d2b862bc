import { Alert, Button, CloseButton, Container, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { Availability, type Cart, Cart_State, type CartLine } from "@sagacart/proto/order/v1/cart";
import { Link } from "@tanstack/react-router";
import { formatMoney } from "../i18n/format.ts";
import { type Language, type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { PageLink } from "../layout/page-link.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import classes from "./cart-page.module.css";
import { outcomeText } from "./outcome-text.ts";
import { drawnPictureOf } from "./pictures.ts";
import { SavedQuantityInput } from "./quantity-input.tsx";
import { useCart } from "./use-cart.ts";

type CartTexts = {
  readonly title: string;
  readonly empty: string;
  readonly toProducts: string;
  readonly quantityOf: (title: string) => string;
  readonly remove: (title: string) => string;
  readonly each: (price: string) => string;
  readonly total: string;
  readonly checkOut: string;
  readonly checkingOut: string;
  readonly toOrder: string;
  readonly failed: (why: string) => string;
  readonly fewer: (left: number) => string;
  readonly soldOut: string;
  readonly gone: string;
  readonly newPrice: (price: string) => string;
};

const texts: Texts<CartTexts> = {
  en: {
    title: "Cart",
    empty: "Your cart is empty.",
    toProducts: "To the products",
    quantityOf: (title) => `Quantity of ${title}`,
    remove: (title) => `Remove ${title}`,
    each: (price) => `${price} each`,
    total: "Total",
    checkOut: "Check out",
    checkingOut: "An order of this cart is under way, so it cannot be changed.",
    toOrder: "See the order",
    failed: (why) => `The last order of this cart failed: ${why} Your cart is as it was.`,
    fewer: (left) => `Only ${left} left.`,
    soldOut: "Sold out at the moment.",
    gone: "No longer sold: remove it to check out.",
    newPrice: (price) => `The price is ${price} now.`,
  },
  de: {
    title: "Warenkorb",
    empty: "Ihr Warenkorb ist leer.",
    toProducts: "Zu den Produkten",
    quantityOf: (title) => `Anzahl von ${title}`,
    remove: (title) => `${title} entfernen`,
    each: (price) => `je ${price}`,
    total: "Summe",
    checkOut: "Zur Kasse",
    checkingOut: "Dieser Warenkorb wird gerade bestellt und lässt sich nicht ändern.",
    toOrder: "Zur Bestellung",
    failed: (why) => `Die letzte Bestellung ist gescheitert: ${why} Der Warenkorb ist, wie er war.`,
    fewer: (left) => `Nur noch ${left} da.`,
    soldOut: "Zurzeit ausverkauft.",
    gone: "Wird nicht mehr verkauft: Entfernen Sie es, um zu bestellen.",
    newPrice: (price) => `Der Preis ist jetzt ${price}.`,
  },
};

/** The cart: change quantities, see what is short or has another price, and go on to the checkout. */
export function CartPage() {
  const text = useTexts(texts);
  const { language } = useLanguage();
  const { query, cart, setQuantity } = useCart();
  const isOpen = cart?.state === Cart_State.OPEN;
  return (
    <Container size="md">
      <title>{`${text.title} · Sagacart`}</title>
      <Stack>
        <Title order={1}>{text.title}</Title>
        {query.isPending && <Loader />}
        <FailureAlert error={query.error} onRetry={query.refetch} />
        <FailureAlert error={setQuantity.error} />
        {cart?.state === Cart_State.CHECKING_OUT && (
          <Alert color="blue" variant="outline">
            <Text size="sm">{text.checkingOut}</Text>
            <OrderLink cart={cart} label={text.toOrder} />
          </Alert>
        )}
        {isOpen && cart.lastFailureReason !== "" && (
          <Alert color="orange" variant="outline">
            <Text size="sm">{text.failed(outcomeText(cart.lastFailureReason, language))}</Text>
            <OrderLink cart={cart} label={text.toOrder} />
          </Alert>
        )}
        {!query.isPending && query.error === null && (cart === undefined || cart.lines.length === 0) && (
          <>
            <Text role="status">{text.empty}</Text>
            <PageLink to="/">{text.toProducts}</PageLink>
          </>
        )}
        <ul className={classes.lines}>
          {cart?.lines.map((line) => (
            <li key={line.productId} className={classes.line}>
              <img src={drawnPictureOf({ ...line, id: line.productId })} alt="" width={88} height={66} />
              <div className={classes.what}>
                <PageLink to="/shop/products/$productId" params={{ productId: line.productId }}>
                  {line.title}
                </PageLink>
                <Text size="sm" c="dimmed">
                  {line.unitPrice && text.each(formatMoney(line.unitPrice, language))}
                </Text>
                {hintsOf(line, text, language).map((hint) => (
                  <Text key={hint} size="sm" c="error">
                    {hint}
                  </Text>
                ))}
              </div>
              <Group wrap="nowrap" gap="xs">
                <SavedQuantityInput
                  label={text.quantityOf(line.title)}
                  value={line.quantity}
                  disabled={!isOpen}
                  onSave={(quantity) => setQuantity.mutateAsync({ productId: line.productId, quantity })}
                />
                <CloseButton
                  aria-label={text.remove(line.title)}
                  disabled={!isOpen}
                  onClick={() => setQuantity.mutate({ productId: line.productId, quantity: 0 })}
                />
              </Group>
            </li>
          ))}
        </ul>
        {cart?.total !== undefined && cart.lines.length > 0 && (
          <Group justify="space-between">
            <Text size="lg" fw={600}>
              {text.total}: <span data-testid="cart-total">{formatMoney(cart.total, language)}</span>
            </Text>
            {isOpen && (
              <Button component={Link} to="/shop/checkout" size="md">
                {text.checkOut}
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </Container>
  );
}

function OrderLink({ cart, label }: { cart: Cart; label: string }) {
  return cart.orderId === "" ? null : (
    <PageLink to="/shop/orders/$orderId" params={{ orderId: cart.orderId }} size="sm">
      {label}
    </PageLink>
  );
}

function hintsOf(line: CartLine, text: CartTexts, language: Language): readonly string[] {
  const price = line.priceChange?.newUnitPrice;
  const hints: Readonly<Record<number, string>> = {
    [Availability.FEWER_LEFT]: text.fewer(line.availableQuantity ?? 0),
    [Availability.SOLD_OUT]: text.soldOut,
    [Availability.GONE]: text.gone,
    [Availability.AVAILABLE]: "",
    [Availability.UNSPECIFIED]: "",
  };
  return [
    hints[line.availability] ?? "",
    price === undefined ? "" : text.newPrice(formatMoney(price, language)),
  ].filter((hint) => hint !== "");
}
