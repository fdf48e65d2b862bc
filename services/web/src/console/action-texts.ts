import { consoleTexts } from "./console-texts.ts";

export const actionTexts = consoleTexts({
  en: {
    close: "Close",
    back: "Back",
    discard: "Discard",
    maybeDone: "This may have been done already",
    answerLost:
      "It was sent, and the answer was lost. Sent again unchanged, it is the same call. With other values it is another one, which is done in addition. Discard it if you have seen that it was done.",
  },
  de: {
    close: "Schließen",
    back: "Zurück",
    discard: "Verwerfen",
    maybeDone: "Das wurde vielleicht schon ausgeführt",
    answerLost:
      "Es wurde gesendet, und die Antwort ging verloren. Unverändert noch einmal gesendet ist es derselbe Aufruf. Mit anderen Werten ist es ein weiterer, der zusätzlich ausgeführt wird. Verwerfen Sie es, wenn Sie gesehen haben, dass es ausgeführt wurde.",
  },
});
