import { expect, test } from "vitest";
import { nextStep } from "./language-step.ts";

const first = { seen: "", sent: "" };
const chosen = { isChosen: true };

test.each([
  ["at a sign-in, what was chosen before is applied", { saved: "de", shown: "en", known: first }, { apply: "de" }],
  ["the same language needs nothing", { saved: "de", shown: "de", known: first }, {}],
  [
    "at the first sign-in, a language that was chosen before is saved",
    { saved: "", shown: "de", known: first },
    { save: "de" },
  ],
  ["the language of the browser is not saved", { saved: "", shown: "de", isChosen: false, known: first }, {}],
  [
    "what was chosen before takes the place of the browser's",
    { saved: "en", shown: "de", isChosen: false, known: first },
    { apply: "en" },
  ],
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
  const { known: _, ...step } = nextStep({ ...chosen, ...given });
  expect(step).toEqual(expected);
});

test("a language that is chosen again after another browser's choice is saved again", () => {
  const saving = nextStep({ ...chosen, saved: "de", shown: "en", known: { seen: "de", sent: "" } });
  const saved = nextStep({ ...chosen, saved: "en", shown: "en", known: saving.known });
  const elsewhere = nextStep({ ...chosen, saved: "de", shown: "en", known: saved.known });
  const applied = nextStep({ ...chosen, saved: "de", shown: "de", known: elsewhere.known });
  const again = nextStep({ ...chosen, saved: "de", shown: "en", known: applied.known });

  expect([saving.save, elsewhere.apply, again.save]).toEqual(["en", "de", "en"]);
});
