import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { Alert, Button, Container, Group, Stack, Text } from "@mantine/core";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Texts, useTexts } from "../i18n/language.tsx";
import { failureOf } from "../rpc/failure.ts";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { forgetGuestCart, readGuestCart } from "./cart-store.ts";

type MergeTexts = {
  readonly title: string;
  readonly line: (title: string, before: number, from: number, after: number) => string;
  readonly leftOut: (title: string) => string;
  readonly take: string;
  readonly drop: string;
};

const texts: Texts<MergeTexts> = {
  en: {
    title: "Take over the cart from before you signed in?",
    line: (title, before, from, after) => `${title}: ${before} + ${from} → ${after}`,
    leftOut: (title) => `${title}: no longer sold, left out`,
    take: "Take it over",
    drop: "Discard it",
  },
  de: {
    title: "Den Warenkorb von vor der Anmeldung übernehmen?",
    line: (title, before, from, after) => `${title}: ${before} + ${from} → ${after}`,
    leftOut: (title) => `${title}: wird nicht mehr verkauft, bleibt weg`,
    take: "Übernehmen",
    drop: "Verwerfen",
  },
};

/** Offers, after a sign-in, to merge the guest's cart into the customer's, and shows what that would do. */
export function MergeNotice({ customerId }: { customerId: string }) {
  const text = useTexts(texts);
  const carts = createClient(CartService, useTransport());
  const queries = useQueryClient();
  const [guestCart, setGuestCart] = useState(() => readGuestCart());
  const request = { sourceId: guestCart?.id ?? "", guestToken: guestCart?.token ?? "", customerId };
  const forget = () => {
    forgetGuestCart(request.sourceId);
    setGuestCart(undefined);
  };
  const preview = useQuery({
    queryKey: ["merge", request.sourceId, customerId],
    queryFn: () => carts.mergeCarts({ ...request, preview: true }),
    enabled: guestCart !== undefined,
    retry: false,
  });
  const merge = useMutation({
    mutationFn: () => carts.mergeCarts(request),
    onSuccess: async () => {
      forget();
      await queries.invalidateQueries({ queryKey: ["cart"] });
    },
  });
  if (guestCart === undefined || preview.isPending) {
    return null;
  }
  const { reason } = preview.error === null ? { reason: "" } : failureOf(preview.error);
  // One that is being checked out keeps the only token of its order: there is nothing to offer until that ends.
  const isUnavailable = reason === "CART_NOT_FOUND" || reason === "CART_CLOSED" || reason === "CART_CHECKING_OUT";
  const { lines = [], leftOut = [] } = preview.data ?? {};
  if (isUnavailable || (preview.isSuccess && lines.length + leftOut.length === 0)) {
    return null;
  }
  return (
    <Container size="lg" mb="md">
      <Alert color="blue" variant="outline" title={text.title}>
        <Stack gap="xs">
          {lines.map((line) => (
            <Text key={line.productId} size="sm">
              {text.line(line.title, line.targetQuantity, line.sourceQuantity, line.quantity)}
            </Text>
          ))}
          {leftOut.map(({ productId, title }) => (
            <Text key={productId} size="sm">
              {text.leftOut(title)}
            </Text>
          ))}
          <FailureAlert error={preview.error ?? merge.error} />
          <Group>
            {preview.isSuccess && (
              <Button size="xs" loading={merge.isPending} onClick={() => merge.mutate()}>
                {text.take}
              </Button>
            )}
            <Button size="xs" variant="default" onClick={forget}>
              {text.drop}
            </Button>
          </Group>
        </Stack>
      </Alert>
    </Container>
  );
}
