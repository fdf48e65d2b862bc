import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { type Actor, Actor_Kind } from "@sagacart/proto/type/v1/actor";
import { dateOf, formatMoney, formatTime, localeOf } from "../i18n/format.ts";
import type { Language } from "../i18n/language.tsx";
import type { Plural } from "./console-texts.ts";
import { type Enum, germanWord } from "./enum-words.ts";
import { showTexts } from "./show-texts.ts";

type Money = { readonly currencyCode: string; readonly minorUnits: bigint };

/** How the console shows values, in one language. */
export type Show = ReturnType<typeof createShow>;

/** Returns how values are shown in a language. */
export function showIn(language: Language): Show {
  const known = shows.get(language) ?? createShow(language);
  shows.set(language, known);
  return known;
}

const shows = new Map<Language, Show>();

function createShow(language: Language) {
  const text = showTexts[language];
  const locale = localeOf(language);
  const numbers = new Intl.NumberFormat(locale);
  const plurals = new Intl.PluralRules(locale);
  const precise = new Intl.DateTimeFormat(locale, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hourCycle: "h23",
  });

  /** Formats an amount; "–" if there is none. */
  const money = (amount: Money | undefined) => (amount === undefined ? "–" : formatMoney(amount, language));

  /** Formats a time; "–" if there is none. */
  const time = (at: Timestamp | undefined) => (at === undefined ? "–" : formatTime(at, language));

  /** Formats a time with its milliseconds, for what happens within a second. */
  const preciseTime = (at: Timestamp) => precise.format(dateOf(at));

  const count = (number: number | bigint) => numbers.format(number);

  /** Formats a number with at least and at most so many decimals. */
  const decimals = (number: number, { least = 0, most }: { readonly least?: number; readonly most: number }) =>
    decimalFormat(locale, least, most).format(number);

  /** Formats a number with one decimal. */
  const tenth = (number: number) => decimals(number, { least: 1, most: 1 });

  /** Formats a number with the words that belong to it. */
  const counted = (forms: Plural, number: number | bigint) =>
    forms[plurals.select(Number(number)) === "one" ? "one" : "other"].replace("#", count(number));

  /** Formats a span as its largest two units, for example `2 h 5 min`, `1.4 s` or `12 ms`. */
  const spanOfMs = (ms: number) => {
    if (ms < 1_000) {
      return `${Math.round(ms)} ms`;
    }
    if (ms < 60_000) {
      return `${tenth(ms / 1_000)} s`;
    }
    const [large, small, unit, subunit] = unitsOf(ms);
    const rest = Math.floor((ms % large) / small);
    return `${Math.floor(ms / large)} ${unit}${rest === 0 ? "" : ` ${rest} ${subunit}`}`;
  };

  /** Formats a span; "–" if there is none. */
  const span = (duration: Duration | undefined) =>
    duration === undefined ? "–" : spanOfMs(Number(duration.seconds) * 1_000 + duration.nanos / 1e6);

  /** Formats how long ago a time was, for example `3.0 s ago`. */
  const ago = (at: Timestamp | undefined, nowMs: number) =>
    at === undefined ? "–" : text.ago(spanOfMs(Math.max(0, nowMs - dateOf(at).getTime())));

  /** Returns an enum's value as words: `Awaiting payment`; "–" if it is unspecified. */
  const words = (values: Enum, value: number) => wordsOfName(values, nameOf(values, value));

  const wordsOfName = (values: Enum, name: string) =>
    (language === "de" ? germanWord(values, name) : undefined) ?? wordsOf(name);

  /** Returns the values of an enum without the unspecified one, for a select. */
  const optionsOf = (values: Enum) =>
    namesOf(values).map((name) => ({ value: name, label: wordsOfName(values, name) }));

  /** Returns the kind of a journal entry as words; its own name if it is a new one. */
  const entryKind = (kind: string) => {
    const known: Readonly<Record<string, string>> = text.entryKinds;
    return known[kind] ?? kind.replaceAll("_", " ");
  };

  /** Says who did something; "" if it is not known. */
  const actorText = (actor: Actor | undefined) =>
    actor === undefined || actor.kind === Actor_Kind.UNSPECIFIED
      ? ""
      : `${actorKindOf(actor.kind, text.actors)} ${actor.id}`.trim();

  return {
    ...{ language, locale, money, time, preciseTime, count, decimals, tenth, counted, spanOfMs, span, ago },
    ...{ words, optionsOf, entryKind, actorText },
  };
}

/** Returns the format of numbers with so many decimals. Making one is slow, and a trace shows thousands. */
function decimalFormat(locale: string, minimumFractionDigits: number, maximumFractionDigits: number) {
  const key = `${locale} ${minimumFractionDigits} ${maximumFractionDigits}`;
  const known =
    decimalFormats.get(key) ?? new Intl.NumberFormat(locale, { minimumFractionDigits, maximumFractionDigits });
  decimalFormats.set(key, known);
  return known;
}

const decimalFormats = new Map<string, Intl.NumberFormat>();

/** Returns the two units in which a span is shown, by their lengths in ms and their symbols, which are international. */
function unitsOf(ms: number): readonly [large: number, small: number, unit: string, subunit: string] {
  if (ms < 3_600_000) {
    return [60_000, 1_000, "min", "s"];
  }
  return ms < 86_400_000 ? [3_600_000, 60_000, "h", "min"] : [86_400_000, 3_600_000, "d", "h"];
}

/** Returns the name of an enum's value as the contract has it, for example `AWAITING_PAYMENT`; "" if it is unspecified. */
export function nameOf(values: Enum, value: number): string {
  const name = Object.keys(values).find((key) => values[key] === value);
  return value === 0 ? "" : (name ?? String(value));
}

/** Returns the names of an enum without the unspecified one. */
export function namesOf(values: Enum): string[] {
  return Object.keys(values).filter((name) => values[name] !== 0);
}

/** Returns a name of the contract as English words: `AWAITING_PAYMENT` as `Awaiting payment`. */
function wordsOf(name: string): string {
  const text = name.toLowerCase().replaceAll("_", " ");
  return text === "" ? "–" : `${text[0]?.toUpperCase()}${text.slice(1)}`;
}

function actorKindOf(kind: Actor_Kind, words: { customer: string; staff: string; program: string }): string {
  switch (kind) {
    case Actor_Kind.CUSTOMER:
      return words.customer;
    case Actor_Kind.OPERATOR:
      return words.staff;
    case Actor_Kind.SYSTEM:
      return words.program;
    default:
      return "";
  }
}
