import { consoleTexts } from "./console-texts.ts";

export const stepUpTexts = consoleTexts({
  en: {
    title: "Please sign in again",
    signInAgain: "Sign in again",
    minutesAgo: { one: "within the last # minute", other: "within the last # minutes" },
    justNow: "just now",
    fresh: (within: string) => `For this you must have signed in ${within}. Sign in again; you come back to this form.`,
    freshFactor: (within: string) =>
      `For this you must have given your second factor ${within}. Sign in again; you come back to this form.`,
    factor: "For this you must sign in with a second factor. If you have none, add one to your account first.",
  },
  de: {
    title: "Bitte melden Sie sich noch einmal an",
    signInAgain: "Noch einmal anmelden",
    minutesAgo: { one: "in der letzten Minute", other: "in den letzten # Minuten" },
    justNow: "gerade eben",
    fresh: (within) =>
      `Dafür müssen Sie sich ${within} angemeldet haben. Melden Sie sich noch einmal an; Sie kommen zu diesem Formular zurück.`,
    freshFactor: (within) =>
      `Dafür müssen Sie Ihren zweiten Faktor ${within} angegeben haben. Melden Sie sich noch einmal an; Sie kommen zu diesem Formular zurück.`,
    factor:
      "Dafür müssen Sie sich mit einem zweiten Faktor anmelden. Wenn Sie keinen haben, fügen Sie Ihrem Konto zuerst einen hinzu.",
  },
});
