import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { type Actor, Actor_Kind } from "@sagacart/proto/type/v1/actor";
import { dateOf, formatMoney, formatTime } from "../i18n/format.ts";

// The console is in English only: its readers are the people who run the shop, and it has the words of the contract.

type Money = { readonly currencyCode: string; readonly minorUnits: bigint };

/** Formats an amount; "–" if there is none. */
export function money(amount: Money | undefined): string {
  return amount === undefined ? "–" : formatMoney(amount, "en");
}

/** Formats a time; "–" if there is none. */
export function time(at: Timestamp | undefined): string {
  return at === undefined ? "–" : formatTime(at, "en");
}

/** Formats a time with its milliseconds, for what happens within a second. */
export function preciseTime(at: Timestamp): string {
  return preciseFormat.format(dateOf(at));
}

const preciseFormat = new Intl.DateTimeFormat("en", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

export function count(number: number | bigint): string {
  return numberFormat.format(number);
}

const numberFormat = new Intl.NumberFormat("en");

/** Formats a span as its largest two units, for example `2 h 5 min`, `1.4 s` or `12 ms`; "–" if there is none. */
export function span(duration: Duration | undefined): string {
  return duration === undefined ? "–" : spanOfMs(Number(duration.seconds) * 1_000 + duration.nanos / 1e6);
}

export function spanOfMs(ms: number): string {
  if (ms < 1_000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 60_000) {
    return `${(ms / 1_000).toFixed(1)} s`;
  }
  const [large, small, unit, subunit] =
    ms < 3_600_000
      ? [60_000, 1_000, "min", "s"]
      : ms < 86_400_000
        ? [3_600_000, 60_000, "h", "min"]
        : [86_400_000, 3_600_000, "d", "h"];
  const rest = Math.floor((ms % Number(large)) / Number(small));
  return `${Math.floor(ms / Number(large))} ${unit}${rest === 0 ? "" : ` ${rest} ${subunit}`}`;
}

/** Formats how long ago a time was, for example `3.0 s ago`. */
export function ago(at: Timestamp | undefined, nowMs: number): string {
  return at === undefined ? "–" : `${spanOfMs(Math.max(0, nowMs - dateOf(at).getTime()))} ago`;
}

/** An enum as it is generated: its names and their numbers. */
export type Enum = Readonly<Record<string, number>>;

/** Returns the name of an enum's value as the contract has it, for example `AWAITING_PAYMENT`; "" if it is unspecified. */
export function nameOf(values: Enum, value: number): string {
  const name = Object.keys(values).find((key) => values[key] === value);
  return value === 0 ? "" : (name ?? String(value));
}

/** Returns the names of an enum without the unspecified one. */
export function namesOf(values: Enum): string[] {
  return Object.keys(values).filter((name) => values[name] !== 0);
}

/** Returns an enum's value as words: `Awaiting payment`. */
export function words(values: Enum, value: number): string {
  return wordsOf(nameOf(values, value));
}

/** Returns a name of the contract as words: `AWAITING_PAYMENT` as `Awaiting payment`. */
export function wordsOf(name: string): string {
  const text = name.toLowerCase().replaceAll("_", " ");
  return text === "" ? "–" : `${text[0]?.toUpperCase()}${text.slice(1)}`;
}

/** Returns the values of an enum without the unspecified one, for a select. */
export function optionsOf(values: Enum): { readonly value: string; readonly label: string }[] {
  return namesOf(values).map((name) => ({ value: name, label: wordsOf(name) }));
}

/** Says who did something; "" if it is not known. */
export function actorText(actor: Actor | undefined): string {
  if (actor === undefined || actor.kind === Actor_Kind.UNSPECIFIED) {
    return "";
  }
  return `${kinds.get(actor.kind) ?? ""} ${actor.id}`.trim();
}

const kinds: ReadonlyMap<Actor_Kind, string> = new Map([
  [Actor_Kind.CUSTOMER, "customer"],
  [Actor_Kind.OPERATOR, "staff"],
  [Actor_Kind.SYSTEM, "program"],
]);
