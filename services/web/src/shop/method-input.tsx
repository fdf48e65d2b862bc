import { Radio, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { useSiteConfig } from "../use-site-config.tsx";
import { paymentMethods, type WaysToPay } from "./payment-methods.ts";

type MethodTexts = {
  readonly method: string;
  readonly other: string;
  readonly methodId: string;
  readonly methodIdHint: string;
};

export const methodTexts: Texts<MethodTexts> = {
  en: {
    method: "How to pay",
    other: "Another method",
    methodId: "Payment method",
    methodIdHint: "The card provider's id of a payment method.",
  },
  de: {
    method: "Wie zahlen",
    other: "Eine andere Zahlungsart",
    methodId: "Zahlungsart",
    methodIdHint: "Die Kennung einer Zahlungsart beim Zahlungsdienst.",
  },
};

/** Returns the ways to pay in this installation. Only a simulated card provider has methods that are known here. */
export function useWaysToPay(hasBalance: boolean): WaysToPay {
  const { language } = useLanguage();
  const { simulatedProviders } = useSiteConfig();
  return {
    methods: paymentMethods({ language, isSimulated: simulatedProviders, hasBalance }),
    takesOthers: !simulatedProviders,
  };
}

/** Chooses a payment method: one that is known, or any other by its id where the card provider is a real one. */
export function MethodInput(given: { ways: WaysToPay; value: string; onChange: (method: string) => void }) {
  const { value, onChange } = given;
  const { methods, takesOthers } = given.ways;
  const text = useTexts(methodTexts);
  const [isOther, setIsOther] = useState(takesOthers && !methods.some(({ id }) => id === value));
  const other = (
    <TextInput
      label={text.methodId}
      description={text.methodIdHint}
      required
      // Spaces alone would mean the balance.
      pattern=".*\S.*"
      maxLength={100}
      value={value}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    />
  );
  if (methods.length === 0) {
    return other;
  }
  return (
    <>
      <Radio.Group
        value={isOther ? otherValue : value}
        onChange={(chosen) => {
          setIsOther(chosen === otherValue);
          onChange(chosen === otherValue ? "" : chosen);
        }}
        label={text.method}
      >
        <Stack gap="xs" mt="xs">
          {methods.map(({ id, label, does }) => (
            <Radio key={id} value={id} label={label} description={does} />
          ))}
          {takesOthers && <Radio value={otherValue} label={text.other} />}
        </Stack>
      </Radio.Group>
      {isOther && other}
    </>
  );
}

/** No id of a method, which have no spaces. */
const otherValue = "another method";
