import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Enum } from "./enum-words.ts";

/** The texts of an address that a page reads. */
export type Texts<Name extends string> = { readonly [N in Name]?: string | undefined };

/**
 * Makes the check of a page's search parameters: texts with these names, without surrounding space. Everything else is left
 * out, so that an address with rubbish in it shows the page. A number is a text that looks like one, such as the id `42`.
 */
export function searchTexts<const Name extends string>(...names: readonly Name[]) {
  return (given: Record<string, unknown>): Texts<Name> => {
    const texts: { [N in Name]?: string } = {};
    for (const name of names) {
      const value = given[name];
      const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
      if (typeof text === "string" && text.trim() !== "" && text.length <= 1_000) {
        texts[name] = text.trim();
      }
    }
    return texts;
  };
}

/** Returns the value of an enum by its name in an address; unspecified if there is no such name. */
export function enumValue<Values extends Enum>(values: Values, name: string | undefined): Values[keyof Values] | 0 {
  const key = Object.keys(values).find((known) => known === name);
  // The key is one of the enum's.
  return key === undefined ? 0 : (values[key] as Values[keyof Values]);
}

/** Returns the time in an address as a timestamp; undefined if it is not one. */
export function timeValue(text: string | undefined): Timestamp | undefined {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) || ms < 0 ? undefined : timestampFromDate(new Date(ms));
}

/** Returns a time in an address as an input of type `datetime-local` has it, in the browser's time zone. */
export function localTime(text: string | undefined): string {
  const ms = Date.parse(text ?? "");
  if (Number.isNaN(ms)) {
    return "";
  }
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Returns the time of such an input as an address has it: UTC. */
export function utcTime(local: string): string | undefined {
  const date = new Date(local);
  return local === "" || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/**
 * Returns the time that an address gets from such an input. It is the one from before if the input still shows that: the input
 * has no milliseconds, and shows the two hours at the end of summer time alike.
 */
export function editedTime(before: string | undefined, local: string): string | undefined {
  const edited = utcTime(local);
  // Not the texts themselves: browsers leave out seconds that are zero.
  return edited !== undefined && edited === utcTime(localTime(before)) ? before : edited;
}
