import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

export const languages = ["en", "de"] as const;
export type Language = (typeof languages)[number];

/** The texts of a part of the pages in each language. German has what English has, which the compiler checks. */
export type Texts<T> = { readonly en: T; readonly de: T };

type Choice = { readonly language: Language; choose(language: Language): void };

const key = "sagacart.language";
const LanguageContext = createContext<Choice>({ language: "en", choose: () => {} });

/** Holds the language: the one chosen here before, else the first of the browser's that there is, else English. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => languageOf(localStorage.getItem(key), navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const choose = (chosen: Language) => {
    localStorage.setItem(key, chosen);
    setLanguage(chosen);
  };
  return <LanguageContext value={{ language, choose }}>{children}</LanguageContext>;
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
