import { consoleTexts } from "./console-texts.ts";

export const pageErrorTexts = consoleTexts({
  en: {
    notAmount: (text: string, currency: string, example: string) =>
      `"${text}" is not an amount in ${currency || "a currency"}: write it like ${example}`,
    notWhole: (text: string, most: string) => `"${text}" is not a whole number up to ${most}`,
    notPosition: (text: string) => `"${text}" is not a position: write it like 1234`,
    noOrderInAnswer: (id: string) => `the answer has no order ${id}`,
    answered: (status: string) => `the shop answered ${status}`,
    confirm: (name: string) => `Type ${name} to confirm`,
  },
  de: {
    notAmount: (text, currency, example) =>
      `„${text}“ ist kein Betrag in ${currency || "einer Währung"}: Schreiben Sie ihn wie ${example}`,
    notWhole: (text, most) => `„${text}“ ist keine ganze Zahl bis ${most}`,
    notPosition: (text) => `„${text}“ ist keine Position: Schreiben Sie sie wie 1234`,
    noOrderInAnswer: (id) => `Die Antwort enthält keine Bestellung ${id}`,
    answered: (status) => `Der Shop hat mit ${status} geantwortet`,
    confirm: (name) => `Geben Sie zur Bestätigung ${name} ein`,
  },
});
