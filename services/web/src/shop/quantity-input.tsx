import { NumberInput } from "@mantine/core";

/** An input for a quantity, which buttons, arrow keys and typing change. */
export function QuantityInput(given: {
  label: string;
  value: number;
  min?: number;
  disabled?: boolean;
  hideLabel?: boolean;
  onChange: (quantity: number) => void;
}) {
  const { label, hideLabel = false, min = 1 } = given;
  return (
    <NumberInput
      {...(hideLabel ? { "aria-label": label } : { label })}
      value={given.value}
      min={min}
      max={1_000_000}
      allowDecimal={false}
      allowNegative={false}
      clampBehavior="strict"
      disabled={given.disabled ?? false}
      w={110}
      onChange={(value) => {
        if (typeof value === "number" && value !== given.value) {
          given.onChange(value);
        }
      }}
    />
  );
}
