import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { useQuery, useTransport } from "@connectrpc/connect-query";
import { Button, Container, Group, Loader, NativeSelect, Radio, Stack, Text, TextInput, Title } from "@mantine/core";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import type { UserAddress } from "@sagacart/proto/identity/v1/user";
import { type Cart, Cart_State } from "@sagacart/proto/order/v1/cart";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { customerIdOf, useSession } from "../auth/use-session.tsx";
import { formatMoney } from "../i18n/format.ts";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { PageLink } from "../layout/page-link.tsx";
import { failureOf, isTransient } from "../rpc/failure.ts";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { useSiteConfig } from "../use-site-config.tsx";
import { type AddressDraft, addressOf, draftOf, emptyDraft, namesOfFields, oneLine } from "./address-fields.ts";
import { AddressForm, addressTexts, likelyCountry } from "./address-form.tsx";
import { createAttempt } from "./attempt.ts";
import { readGuestCart, rememberGuestOrder } from "./cart-store.ts";
import { CreateAccount } from "./create-account.tsx";
import { MethodInput, methodTexts, useWaysToPay } from "./method-input.tsx";
import { initialMethod } from "./payment-methods.ts";
import { allAddresses } from "./saved-addresses.ts";
import { useCart } from "./use-cart.ts";

type CheckoutTexts = {
  readonly title: string;
  readonly empty: string;
  readonly toCart: string;
  readonly underWay: string;
  readonly toOrder: string;
  readonly contact: string;
  readonly email: string;
  readonly emailHint: string;
  readonly delivery: string;
  readonly ship: string;
  readonly pickUp: string;
  readonly address: string;
  readonly savedAddress: string;
  readonly otherAddress: string;
  readonly toAddresses: string;
  readonly createAccount: string;
  readonly carrierTests: string;
  readonly payment: string;
  readonly when: string;
  readonly now: string;
  readonly later: string;
  readonly buy: (total: string) => string;
  readonly order: (total: string) => string;
  readonly expected: string;
};

const texts: Texts<CheckoutTexts> = {
  en: {
    title: "Checkout",
    empty: "There is nothing to check out.",
    toCart: "To the cart",
    underWay: "An order of this cart is under way.",
    toOrder: "See the order",
    contact: "Contact",
    email: "E-mail",
    emailHint: "Messages about this order go there.",
    delivery: "Delivery",
    ship: "Ship it",
    pickUp: "I pick it up",
    address: "Address",
    savedAddress: "Ship to",
    otherAddress: "Another address",
    toAddresses: "Your addresses",
    createAccount: "Create an account",
    carrierTests:
      "Test carrier: 00000 is refused, 00002 is slow, 00003 loses the answer, 00005 is told late, all others work.",
    payment: "Payment",
    when: "When to pay",
    now: "Now",
    later: "Later: the stock is reserved for 30 minutes, and you pay on the order's page",
    buy: (total) => `Buy now for ${total}`,
    order: (total) => `Order for ${total}, pay later`,
    expected: "If the total has changed, nothing is bought and you are asked again.",
  },
  de: {
    title: "Kasse",
    empty: "Es gibt nichts zu bestellen.",
    toCart: "Zum Warenkorb",
    underWay: "Dieser Warenkorb wird gerade bestellt.",
    toOrder: "Zur Bestellung",
    contact: "Kontakt",
    email: "E-Mail",
    emailHint: "Dorthin gehen Nachrichten zu dieser Bestellung.",
    delivery: "Lieferung",
    ship: "Liefern",
    pickUp: "Ich hole es ab",
    address: "Adresse",
    savedAddress: "Lieferadresse",
    otherAddress: "Eine andere Adresse",
    toAddresses: "Ihre Adressen",
    createAccount: "Konto anlegen",
    carrierTests:
      "Test-Paketdienst: 00000 wird abgelehnt, 00002 ist langsam, 00003 verliert die Antwort, 00005 meldet sich spät.",
    payment: "Zahlung",
    when: "Wann zahlen",
    now: "Jetzt",
    later: "Später: Die Ware ist 30 Minuten reserviert; bezahlt wird auf der Seite der Bestellung",
    buy: (total) => `Jetzt für ${total} kaufen`,
    order: (total) => `Für ${total} bestellen, später zahlen`,
    expected: "Hat sich die Summe geändert, wird nichts gekauft, und Sie werden noch einmal gefragt.",
  },
};

/** The checkout of the cart. It sends the total that is shown, so that nobody pays another one. */
export function CheckoutPage() {
  const text = useTexts(texts);
  const { query, cart } = useCart();
  return (
    <Container size="sm">
      <title>{`${text.title} · Sagacart`}</title>
      <Stack>
        <Title order={1}>{text.title}</Title>
        {query.isPending && <Loader />}
        <FailureAlert error={query.error} onRetry={query.refetch} />
        {cart?.state === Cart_State.CHECKING_OUT && cart.orderId !== "" && (
          <>
            <Text>{text.underWay}</Text>
            <PageLink to="/shop/orders/$orderId" params={{ orderId: cart.orderId }}>
              {text.toOrder}
            </PageLink>
          </>
        )}
        {query.isSuccess && isNothing(cart) && (
          <>
            <Text>{text.empty}</Text>
            <PageLink to="/shop/cart">{text.toCart}</PageLink>
          </>
        )}
        {cart?.state === Cart_State.OPEN && cart.lines.length > 0 && (
          <CheckoutForm cart={cart} refetch={query.refetch} />
        )}
      </Stack>
    </Container>
  );
}

/** Returns true if there is nothing to check out, and no order of it under way. */
function isNothing(cart: Cart | undefined): boolean {
  const isUnderWay = cart?.state === Cart_State.CHECKING_OUT && cart.orderId !== "";
  return !isUnderWay && (cart === undefined || cart.lines.length === 0 || cart.state !== Cart_State.OPEN);
}

function CheckoutForm({ cart, refetch }: { cart: Cart; refetch: () => unknown }) {
  const text = useTexts(texts);
  const fieldTexts = useTexts(addressTexts);
  const { method: methodLabel } = useTexts(methodTexts);
  const { language } = useLanguage();
  const { state } = useSession();
  const { simulatedProviders } = useSiteConfig();
  const isGuest = state.kind !== "signed-in";
  const ways = useWaysToPay(!isGuest);
  const [email, setEmail] = useState("");
  const [delivery, setDelivery] = useState("ship");
  const [when, setWhen] = useState("now");
  const [method, setMethod] = useState(() => initialMethod(ways));
  const [address, setAddress] = useState(() => emptyDraft(likelyCountry(navigator.languages, language)));
  // Without the address book an address is typed: it must not hold up a purchase.
  const saved = useQuery(IdentityService.method.listAddresses, allAddresses, { enabled: !isGuest, retry: false });
  const addresses = saved.data?.addresses ?? [];
  const [picked, setPicked] = useState<string>();
  const chosen = chosenOf(addresses, picked);
  const checkout = useCheckout(cart);
  const total = currentTotal(cart);
  const shown = total === undefined ? "" : formatMoney(total, language);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        checkout.mutate(
          {
            email,
            payLater: when === "later",
            method,
            address: delivery === "ship" ? (chosen ?? { ...addressOf(address), savedAddressId: "" }) : undefined,
            total,
          },
          // It may have failed because of what has changed.
          { onError: () => void refetch() },
        );
      }}
    >
      <Stack gap="lg">
        {isGuest && (
          <Section title={text.contact}>
            <TextInput
              label={text.email}
              description={text.emailHint}
              type="email"
              required
              maxLength={254}
              autoComplete="email"
              value={email}
              onChange={({ currentTarget }) => setEmail(currentTarget.value)}
            />
            <CreateAccount label={text.createAccount} />
          </Section>
        )}
        <Section title={text.delivery}>
          <Radio.Group value={delivery} onChange={setDelivery} aria-label={text.delivery}>
            <Group>
              <Radio value="ship" label={text.ship} />
              <Radio value="pick-up" label={text.pickUp} />
            </Group>
          </Radio.Group>
          {delivery === "ship" && addresses.length > 0 && (
            <NativeSelect
              label={text.savedAddress}
              value={chosen?.savedAddressId ?? ""}
              onChange={({ currentTarget }) => setPicked(currentTarget.value)}
              data={[
                ...addresses.map(({ id, address: each }) => ({ value: id, label: oneLine(draftOf(each)) })),
                { value: "", label: text.otherAddress },
              ]}
            />
          )}
          {delivery === "ship" && !isGuest && <PageLink to="/shop/addresses">{text.toAddresses}</PageLink>}
          {delivery === "ship" && saved.isLoading && <Loader aria-label={text.address} />}
          {delivery === "ship" && !saved.isLoading && chosen === undefined && (
            <AddressForm
              value={address}
              onChange={setAddress}
              {...(simulatedProviders ? { postalCodeHint: text.carrierTests } : {})}
            />
          )}
        </Section>
        <Section title={text.payment}>
          <Radio.Group value={when} onChange={setWhen} label={text.when}>
            <Stack gap="xs" mt="xs">
              <Radio value="now" label={text.now} />
              <Radio value="later" label={text.later} />
            </Stack>
          </Radio.Group>
          <MethodInput ways={ways} value={method} onChange={setMethod} />
        </Section>
        <FailureAlert error={checkout.error} names={namesOf(fieldTexts, text.email, methodLabel)} />
        <Button type="submit" size="md" loading={checkout.isPending}>
          {when === "later" ? text.order(shown) : text.buy(shown)}
        </Button>
        <Text size="sm" c="dimmed">
          {text.expected}
        </Text>
      </Stack>
    </form>
  );
}

function Section({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {title}
      </Title>
      <Stack gap="md">{children}</Stack>
    </section>
  );
}

type ShippedTo = AddressDraft & { readonly savedAddressId: string; readonly phone?: string };

/** Returns the address of the book to ship to: the one picked, else the default one; undefined for one that is typed. */
function chosenOf(addresses: readonly UserAddress[], picked: string | undefined): ShippedTo | undefined {
  const found = addresses.find(({ id, isDefault }) => (picked === undefined ? isDefault : id === picked));
  return found?.address === undefined
    ? undefined
    : { ...draftOf(found.address), phone: found.address.phone, savedAddressId: found.id };
}

type Purchase = {
  readonly email: string;
  readonly payLater: boolean;
  readonly method: string;
  readonly address: ShippedTo | undefined;
  readonly total: Cart["total"];
};

/** Checks the cart out and opens the order's page, which shows what becomes of it. */
function useCheckout(cart: Cart) {
  const transport = useTransport();
  const { state } = useSession();
  const navigate = useNavigate();
  // One key for one purchase, so that a repeat after a lost answer buys once; another one when something else is bought.
  const [attempt] = useState(createAttempt);
  return useMutation({
    async mutationFn({ email, payLater, method, address, total }: Purchase) {
      const request = {
        paymentMethod: method.trim(),
        payLater,
        ...(address === undefined ? {} : { shippingAddress: create(AddressSchema, address) }),
        ...(total === undefined ? {} : { expectedTotal: total }),
        cartEtag: cart.etag,
        waitFor: WaitFor.ACCEPTED,
      };
      const content = JSON.stringify([email, payLater, method, address, cart.id, cart.etag, String(total?.minorUnits)]);
      const requestId = attempt.requestIdFor(content);
      if (state.kind === "signed-in") {
        const customerId = customerIdOf(state);
        const orders = createClient(OrderService, transport);
        return (await orders.checkout({ ...request, customerId, cartId: cart.id, requestId })).order;
      }
      const guestToken = readGuestCart()?.token ?? "";
      const { order } = await createClient(GuestOrderService, transport).checkoutGuestCart({
        ...request,
        ...{ cartId: cart.id, guestToken, contactEmail: email.trim(), requestId },
      });
      if (order !== undefined) {
        rememberGuestOrder(order.id, guestToken);
      }
      return order;
    },
    // With the same key, so it attaches to the order if there is one.
    retry: (count, error) => count < 3 && isTransient(failureOf(error)),
    onSuccess: async (order) => {
      if (order !== undefined) {
        await navigate({ to: "/shop/orders/$orderId", params: { orderId: order.id } });
      }
    },
  });
}

/** Returns the total at the prices of now, which the checkout will use. */
function currentTotal({ lines, total }: Cart): Cart["total"] {
  if (total === undefined) {
    return undefined;
  }
  const prices = lines.map(({ quantity, unitPrice, priceChange }) => {
    const price = priceChange?.newUnitPrice ?? unitPrice;
    return BigInt(quantity) * (price?.minorUnits ?? 0n);
  });
  return { ...total, minorUnits: prices.reduce((sum, price) => sum + price, 0n) };
}

/** Names the request's fields by the labels of the form. */
function namesOf(
  address: Readonly<Record<keyof AddressDraft, string>>,
  email: string,
  method: string,
): Record<string, string> {
  return {
    ...namesOfFields("shippingAddress", address),
    contactEmail: email,
    contact_email: email,
    paymentMethod: method,
    payment_method: method,
  };
}
