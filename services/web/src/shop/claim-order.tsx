import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { Alert, Button, Stack, Text } from "@mantine/core";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import type { Order } from "@sagacart/proto/order/v1/order";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { customerIdOf, useSession } from "../auth/use-session.tsx";
import { type Texts, useTexts } from "../i18n/language.tsx";
import { failureOf, isTransient } from "../rpc/failure.ts";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { forgetGuestOrder, guestTokenOf } from "./cart-store.ts";
import { finalStates } from "./timeline.ts";

const texts: Texts<{ title: string; later: string; claim: string }> = {
  en: {
    title: "This order was made without signing in.",
    later: "You can add it to your account once it has ended.",
    claim: "Add it to my account",
  },
  de: {
    title: "Diese Bestellung wurde ohne Anmeldung gemacht.",
    later: "Sobald sie beendet ist, können Sie sie Ihrem Konto hinzufügen.",
    claim: "Meinem Konto hinzufügen",
  },
};

/** Offers to make a guest's order the signed-in person's own. Afterwards its token opens nothing, and is forgotten. */
export function ClaimOrder({ order, onClaimed }: { order: Order; onClaimed: () => void }) {
  const text = useTexts(texts);
  const orders = createClient(GuestOrderService, useTransport());
  const { state } = useSession();
  const queries = useQueryClient();
  const claim = useMutation({
    mutationFn: () =>
      orders.claimGuestOrder({
        id: order.id,
        customerId: customerIdOf(state),
        guestToken: guestTokenOf(order.id) ?? "",
      }),
    // A repeat gets the order again.
    retry: (count, error) => count < 3 && isTransient(failureOf(error)),
    onSuccess: async () => {
      forgetGuestOrder(order.id);
      onClaimed();
      await queries.invalidateQueries();
    },
  });
  return (
    <Alert color="blue" variant="outline" title={text.title}>
      <Stack gap="xs" align="flex-start">
        {finalStates.has(order.state) ? (
          <Button size="xs" loading={claim.isPending} onClick={() => claim.mutate()}>
            {text.claim}
          </Button>
        ) : (
          <Text size="sm">{text.later}</Text>
        )}
        <FailureAlert error={claim.error} />
      </Stack>
    </Alert>
  );
}
