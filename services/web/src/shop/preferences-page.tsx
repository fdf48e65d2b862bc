import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { Loader, NativeSelect, Stack, Switch, Title } from "@mantine/core";
import { Message_Channel } from "@sagacart/proto/notifier/v1/message";
import type { Preference } from "@sagacart/proto/notifier/v1/preference";
import { PreferenceService } from "@sagacart/proto/notifier/v1/preference_service";
import { useQueryClient } from "@tanstack/react-query";
import { type Texts, useTexts } from "../i18n/language.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { OwnPage } from "./own-page.tsx";

type PreferencesTexts = {
  readonly title: string;
  readonly signIn: string;
  readonly language: string;
  readonly languageHint: string;
  readonly channels: Readonly<Record<number, string>>;
  readonly events: Readonly<Record<string, string>>;
  readonly always: string;
};

const texts: Texts<PreferencesTexts> = {
  en: {
    title: "Preferences",
    signIn: "Sign in to see your preferences.",
    language: "Language",
    languageHint: "Of mails, of the inbox and of these pages.",
    channels: {
      [Message_Channel.UNSPECIFIED]: "Other",
      [Message_Channel.EMAIL]: "E-mail",
      [Message_Channel.INBOX]: "Inbox",
    },
    events: {
      "sagacart.order.completed.v1": "An order is completed",
      "sagacart.order.rejected.v1": "An order is rejected",
      "sagacart.order.cancelled.v1": "An order is cancelled",
      "sagacart.order.expired.v1": "An order has expired",
      "sagacart.order.awaiting_payment.v1": "An order awaits its payment",
      "sagacart.order.paid.v1": "An order is paid",
      "sagacart.order.refunded.v1": "An order is refunded",
      "sagacart.cart.expiring.v1": "A cart is about to expire",
    },
    always: "Always sent",
  },
  de: {
    title: "Einstellungen",
    signIn: "Melden Sie sich an, um Ihre Einstellungen zu sehen.",
    language: "Sprache",
    languageHint: "Von E-Mails, Posteingang und diesen Seiten.",
    channels: {
      [Message_Channel.UNSPECIFIED]: "Anderes",
      [Message_Channel.EMAIL]: "E-Mail",
      [Message_Channel.INBOX]: "Posteingang",
    },
    events: {
      "sagacart.order.completed.v1": "Eine Bestellung ist abgeschlossen",
      "sagacart.order.rejected.v1": "Eine Bestellung ist abgelehnt",
      "sagacart.order.cancelled.v1": "Eine Bestellung ist storniert",
      "sagacart.order.expired.v1": "Eine Bestellung ist verfallen",
      "sagacart.order.awaiting_payment.v1": "Eine Bestellung wartet auf Zahlung",
      "sagacart.order.paid.v1": "Eine Bestellung ist bezahlt",
      "sagacart.order.refunded.v1": "Eine Bestellung ist erstattet",
      "sagacart.cart.expiring.v1": "Ein Warenkorb läuft bald ab",
    },
    always: "Wird immer gesendet",
  },
};

/** Lets a customer choose the messages to get, and their language. */
export function PreferencesPage() {
  const text = useTexts(texts);
  return (
    <OwnPage size="sm" text={text}>
      {(customerId) => <Form customerId={customerId} />}
    </OwnPage>
  );
}

function Form({ customerId }: { customerId: string }) {
  const text = useTexts(texts);
  const queries = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(PreferenceService.method.getPreferences, { customerId });
  const queryKey = createConnectQueryKey({ schema: PreferenceService, cardinality: undefined });
  const update = useMutation(PreferenceService.method.updatePreferences, {
    onSettled: () => queries.invalidateQueries({ queryKey }),
  });
  const preferences = data?.preferences;
  if (preferences === undefined) {
    return isPending ? <Loader aria-label={text.title} /> : <FailureAlert error={error} onRetry={refetch} />;
  }
  const channels = [...new Set(preferences.preferences.map(({ channel }) => channel))];
  return (
    <>
      <NativeSelect
        label={text.language}
        description={text.languageHint}
        value={preferences.language}
        disabled={update.isPending}
        data={[
          { value: "en", label: "English" },
          { value: "de", label: "Deutsch" },
        ]}
        onChange={({ currentTarget }) => update.mutate({ customerId, language: currentTarget.value })}
      />
      <FailureAlert error={update.error} />
      {channels.map((channel) => (
        <Stack key={channel} component="section" gap="xs">
          <Title order={2} size="h4">
            {text.channels[channel]}
          </Title>
          {preferences.preferences
            .filter((preference) => preference.channel === channel)
            .map((preference) => (
              <Choice
                key={preference.eventType}
                preference={preference}
                isBusy={update.isPending}
                onChange={(enabled) =>
                  update.mutate({ customerId, changes: [{ eventType: preference.eventType, channel, enabled }] })
                }
              />
            ))}
        </Stack>
      ))}
    </>
  );
}

function Choice(given: { preference: Preference; isBusy: boolean; onChange: (enabled: boolean) => void }) {
  const { eventType, enabled, mandatoryBecause } = given.preference;
  const text = useTexts(texts);
  const isMandatory = mandatoryBecause !== "";
  return (
    <Switch
      label={text.events[eventType] ?? eventType}
      {...(isMandatory ? { description: text.always } : {})}
      checked={enabled}
      disabled={isMandatory || given.isBusy}
      onChange={({ currentTarget }) => given.onChange(currentTarget.checked)}
    />
  );
}
