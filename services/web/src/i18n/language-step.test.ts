import { expect, test } from "vitest";
import { nextStep } from "./language-step.ts";

const first = { seen: "", sent: "" };

test.each([
  ["at a sign-in, what was chosen before is applied", { saved: "de", shown: "en", known: first }, { apply: "de" }],
  ["the same language needs nothing", { saved: "de", shown: "de", known: first }, {}],
  ["at the first sign-in, the language of the page is saved", { saved: "", shown: "de", known: first }, { save: "de" }],
  [
    "what is chosen on the page is saved",
    { saved: "de", shown: "en", known: { seen: "de", sent: "" } },
    { save: "en" },
  ],
  [
    "what is chosen elsewhere is applied",
    { saved: "en", shown: "de", known: { seen: "de", sent: "" } },
    { apply: "en" },
  ],
  ["once all are the same, nothing is done", { saved: "en", shown: "en", known: { seen: "de", sent: "en" } }, {}],
  [
    "what could not be saved stays, and is sent once",
    { saved: "de", shown: "en", known: { seen: "de", sent: "en" } },
    {},
  ],
  [
    "a choice made while the one before is being saved is not undone by it",
    { saved: "en", shown: "de", known: { seen: "de", sent: "en" } },
    { save: "de" },
  ],
])("%s", (_what, given, expected) => {
  const { known: _, ...step } = nextStep(given);
  expect(step).toEqual(expected);
});

test("a language that is chosen again after another browser's choice is saved again", () => {
  const saving = nextStep({ saved: "de", shown: "en", known: { seen: "de", sent: "" } });
  const saved = nextStep({ saved: "en", shown: "en", known: saving.known });
  const elsewhere = nextStep({ saved: "de", shown: "en", known: saved.known });
  const applied = nextStep({ saved: "de", shown: "de", known: elsewhere.known });
  const again = nextStep({ saved: "de", shown: "en", known: applied.known });

  expect([saving.save, elsewhere.apply, again.save]).toEqual(["en", "de", "en"]);
});
