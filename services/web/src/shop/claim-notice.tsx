import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { Alert, Button, Container, Group, Stack, Text } from "@mantine/core";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { User } from "../auth/user.ts";
import { formatMoney, formatTime } from "../i18n/format.ts";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { PageLink } from "../layout/page-link.tsx";
import { failureOf, isTransient } from "../rpc/failure.ts";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { forgetGuestOrder, guestOrderIds, guestTokenOf } from "./cart-store.ts";
import { findClaimable } from "./claimable.ts";

type ClaimTexts = {
  readonly title: (count: number) => string;
  readonly claim: string;
  readonly later: string;
};

const texts: Texts<ClaimTexts> = {
  en: {
    title: (count) =>
      count === 1
        ? "Add the order from before you signed in to your account?"
        : `Add ${count} orders from before you signed in to your account?`,
    claim: "Add to my account",
    later: "Not now",
  },
  de: {
    title: (count) =>
      count === 1
        ? "Die Bestellung von vor der Anmeldung Ihrem Konto hinzufügen?"
        : `${count} Bestellungen von vor der Anmeldung Ihrem Konto hinzufügen?`,
    claim: "Meinem Konto hinzufügen",
    later: "Nicht jetzt",
  },
};

/** Set in this tab when somebody does not want to be asked; the order's own page still offers it. */
const laterKey = "sagacart.claim-later";

/** Offers, after a sign-in, to take over the orders that were made with this browser before. */
export function ClaimNotice({ user, customerId }: { user: User; customerId: string }) {
  const text = useTexts(texts);
  const { language } = useLanguage();
  const orders = createClient(GuestOrderService, useTransport());
  const queries = useQueryClient();
  const [isLater, setIsLater] = useState(() => sessionStorage.getItem(laterKey) === user.id);
  const email = user.email ?? "";
  const { data } = useQuery({
    queryKey: ["claimable", user.id],
    queryFn: async () => {
      const read = async (id: string) => (await orders.getGuestOrder({ id, guestToken: guestTokenOf(id) ?? "" })).order;
      const found = await findClaimable(guestOrderIds(), email, read);
      // Somebody has claimed them in another browser: their tokens will never open anything again.
      for (const id of found.gone) {
        forgetGuestOrder(id);
      }
      return found;
    },
    enabled: !isLater && email !== "",
    staleTime: 60_000,
  });
  const ready = data?.ready ?? [];
  const claim = useMutation({
    async mutationFn() {
      for (const { id } of ready) {
        await orders.claimGuestOrder({ id, customerId, guestToken: guestTokenOf(id) ?? "" });
        forgetGuestOrder(id);
      }
    },
    // A repeat goes on with those that are left, and gets again what it has claimed.
    retry: (count, error) => count < 3 && isTransient(failureOf(error)),
    onSettled: () => queries.invalidateQueries(),
  });
  if (isLater || ready.length === 0) {
    return null;
  }
  return (
    <Container size="lg" mb="md">
      <Alert color="blue" variant="outline" title={text.title(ready.length)}>
        <Stack gap="xs">
          {ready.map(({ id, createTime, total }) => (
            <Text key={id} size="sm">
              <PageLink to="/shop/orders/$orderId" params={{ orderId: id }} size="sm">
                {createTime === undefined ? id : formatTime(createTime, language)}
              </PageLink>
              {total !== undefined && ` · ${formatMoney(total, language)}`}
            </Text>
          ))}
          <FailureAlert error={claim.error} />
          <Group>
            <Button size="xs" loading={claim.isPending} onClick={() => claim.mutate()}>
              {text.claim}
            </Button>
            <Button
              size="xs"
              variant="default"
              onClick={() => {
                sessionStorage.setItem(laterKey, user.id);
                setIsLater(true);
              }}
            >
              {text.later}
            </Button>
          </Group>
        </Stack>
      </Alert>
    </Container>
  );
}
