import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

export const languages = ["en", "de"] as const;
export type Language = (typeof languages)[number];

/** The texts of a part of the pages in each language. German has what English has, which the compiler checks. */
export type Texts<T> = { readonly en: T; readonly de: T };

type Choice = {
  readonly language: Language;
  /** True if somebody has chosen it in this browser: it is not of the browser's settings, or of an account. */
  readonly isChosen: boolean;
  choose(language: Language): void;
  /** Shows a language that was chosen elsewhere. */
  apply(language: Language): void;
};

const key = "sagacart.language";
const chosenKey = "sagacart.language-chosen";
const LanguageContext = createContext<Choice>({ language: "en", isChosen: false, choose: () => {}, apply: () => {} });

/** Holds the language: the one shown here before, else the first of the browser's that there is, else English. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => languageOf(localStorage.getItem(key), navigator.languages));
  const [isChosen, setChosen] = useState(() => localStorage.getItem(chosenKey) !== null);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const choose = (chosen: Language) => {
    localStorage.setItem(key, chosen);
    localStorage.setItem(chosenKey, "yes");
    setLanguage(chosen);
    setChosen(true);
  };
  const apply = (applied: Language) => {
    localStorage.setItem(key, applied);
    // The next person at this browser has not chosen it.
    localStorage.removeItem(chosenKey);
    setLanguage(applied);
    setChosen(false);
  };
  return <LanguageContext value={{ language, isChosen, choose, apply }}>{children}</LanguageContext>;
}

export function useLanguage(): Choice {
  return useContext(LanguageContext);
}

/** Returns the texts in the language of the page. */
export function useTexts<T>(texts: Texts<T>): T {
  return texts[useLanguage().language];
}

export function languageOf(chosen: string | null, accepted: readonly string[]): Language {
  const wanted = [chosen ?? "", ...accepted].map((tag) => tag.toLowerCase().split("-", 1)[0]);
  return (
    languages.find((language) => language === wanted.find((tag) => languages.some((known) => known === tag))) ?? "en"
  );
}
