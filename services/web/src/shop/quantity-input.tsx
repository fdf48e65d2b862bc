import { NumberInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";

const common = {
  min: 1,
  max: 1_000_000,
  allowDecimal: false,
  allowNegative: false,
  clampBehavior: "strict",
  w: 110,
} as const;

/** How Mantine names its buttons and arrow keys; the type has only what its number format adds. */
const steps: ReadonlySet<string> = new Set(["increment", "decrement"]);

/** An input for a quantity, which buttons, arrow keys and typing change. */
export function QuantityInput(given: { label: string; value: number; onChange: (quantity: number) => void }) {
  return (
    <NumberInput
      {...common}
      label={given.label}
      value={given.value}
      onChange={(value) => {
        if (typeof value === "number" && value !== given.value) {
          given.onChange(value);
        }
      }}
    />
  );
}

/** An input for a quantity that costs a call to change: what is typed counts when it is complete, by Enter or by leaving. */
export function SavedQuantityInput(given: {
  label: string;
  value: number;
  disabled: boolean;
  onSave: (quantity: number) => Promise<unknown>;
}) {
  // What is typed or being saved; undefined if that is nothing else than the value.
  const [draft, setDraft] = useState<string | number>();
  const save = (quantity = draft) => {
    if (typeof quantity !== "number" || quantity === given.value) {
      setDraft(undefined);
      return;
    }
    const shown = () => setDraft((current) => (current === quantity ? undefined : current));
    // Whoever saves shows why it failed.
    given.onSave(quantity).then(shown, shown);
  };
  // The buttons and arrow keys are pressed several times.
  const saveSoon = useDebouncedCallback(save, { delay: 400, flushOnUnmount: true });
  const saveNow = () => {
    saveSoon.cancel();
    save();
  };
  return (
    <NumberInput
      {...common}
      aria-label={given.label}
      value={draft ?? given.value}
      disabled={given.disabled}
      onChange={setDraft}
      onValueChange={({ floatValue }, { source }) => {
        if (steps.has(source)) {
          saveSoon(floatValue);
        }
      }}
      onBlur={saveNow}
      onKeyDown={({ key }) => {
        if (key === "Enter") {
          saveNow();
        }
      }}
    />
  );
}
