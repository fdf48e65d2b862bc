import { expect, test } from "vitest";
import { initialMethod, paymentMethods } from "./payment-methods.ts";

const waysTo = (isSimulated: boolean, hasBalance: boolean) => ({
  methods: paymentMethods({ language: "en", isSimulated, hasBalance }),
  takesOthers: !isSimulated,
});

test.each([
  { where: "a simulated shop", ways: waysTo(true, true), known: undefined, first: "pm_ok" },
  { where: "a simulated shop", ways: waysTo(true, true), known: "pm_late", first: "pm_late" },
  { where: "a simulated shop, as a guest,", ways: waysTo(true, false), known: "", first: "pm_ok" },
  { where: "a real shop", ways: waysTo(false, true), known: undefined, first: "" },
  { where: "a real shop", ways: waysTo(false, true), known: "pm_card_visa", first: "pm_card_visa" },
  { where: "a real shop, as a guest,", ways: waysTo(false, false), known: undefined, first: "" },
])("in $where with the method $known, $first is chosen first", ({ ways, known, first }) => {
  expect(initialMethod(ways, known)).toBe(first);
});
