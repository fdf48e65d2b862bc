import { consoleTexts } from "./console-texts.ts";

export const showTexts = consoleTexts({
  en: {
    ago: (span: string) => `${span} ago`,
    actors: { customer: "customer", staff: "staff", program: "program" },
    entryKinds: {
      deposit: "deposit",
      charge: "charge",
      refund: "refund",
      outside_refund: "outside refund",
      settled_by_hand: "settled by hand",
      dispute_opened: "dispute opened",
      dispute_won: "dispute won",
      dispute_lost: "dispute lost",
      adjustment: "adjustment",
    },
  },
  de: {
    ago: (span) => `vor ${span}`,
    actors: { customer: "Kunde", staff: "Personal", program: "Programm" },
    entryKinds: {
      deposit: "Einzahlung",
      charge: "Belastung",
      refund: "Erstattung",
      outside_refund: "Erstattung außerhalb des Shops",
      settled_by_hand: "Von Hand ausgeglichen",
      dispute_opened: "Anfechtung eröffnet",
      dispute_won: "Anfechtung gewonnen",
      dispute_lost: "Anfechtung verloren",
      adjustment: "Korrektur",
    },
  },
});
