import type { Address } from "@sagacart/proto/type/v1/address";
import { getCountryData, getCountryFields } from "lib-address/lite";

/** An address as it is typed. */
export type AddressDraft = {
  readonly countryCode: string;
  readonly recipient: string;
  readonly line1: string;
  readonly line2: string;
  readonly postalCode: string;
  readonly city: string;
  readonly region: string;
};

/** Returns which fields a country has, by Google's address metadata; a town is needed where nothing is known. */
export function fieldsOf(countryCode: string) {
  const data = getCountryData(countryCode);
  const fields = getCountryFields(countryCode);
  const isUnknown = (data?.require ?? "") === "";
  const zip = data?.zip ?? "";
  return {
    city: isUnknown ? ("required" as const) : fields?.city,
    region: fields?.state,
    postalCode: fields === null ? ("optional" as const) : fields.zip,
    // In either case and with spaces around it, as the services take it.
    pattern: zip === "" ? "" : `\\s*(?:${inEitherCase(zip)})\\s*`,
  };
}

/** Returns the address to send: without what was typed for another country, whose fields are no longer shown. */
export function addressOf(draft: AddressDraft): AddressDraft {
  const { countryCode, recipient, line1, line2, postalCode, city, region } = draft;
  const fields = fieldsOf(countryCode);
  return {
    countryCode,
    recipient: recipient.trim(),
    line1: line1.trim(),
    line2: line2.trim(),
    postalCode: fields.postalCode === undefined ? "" : postalCode.trim(),
    city: city.trim(),
    region: fields.region === undefined ? "" : region.trim(),
  };
}

/** Returns a form in which nothing is typed yet. */
export function emptyDraft(countryCode: string): AddressDraft {
  return { countryCode, recipient: "", line1: "", line2: "", postalCode: "", city: "", region: "" };
}

/** Returns the form of an address that there is. */
export function draftOf(address: Address | undefined): AddressDraft {
  const { countryCode, recipient, line1, line2, postalCode, city, region } = { ...emptyDraft(""), ...address };
  return { countryCode, recipient, line1, line2, postalCode, city, region };
}

/** Writes an address in one line. */
export function oneLine(address: AddressDraft): string {
  const { recipient, line1, line2, postalCode, city, region, countryCode } = address;
  return [recipient, line1, line2, `${postalCode} ${city}`.trim(), region, countryCode]
    .filter((part) => part.trim() !== "")
    .join(", ");
}

/** Names the fields of an address in a request, which is at this path, by the labels of the form. */
export function namesOfFields(
  path: string,
  labels: Readonly<Record<keyof AddressDraft, string>>,
): Record<string, string> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, label]) => [
      [`${path}.${name}`, label],
      [`${snake(path)}.${snake(name)}`, label],
    ]),
  );
}

/** Makes a pattern match letters in either case, which the attribute `pattern` has no flag for. Escapes stay as they are. */
function inEitherCase(pattern: string): string {
  return pattern.replace(/\\.|\[(?:\\.|[^\]])*\]|[A-Za-z]/g, (part) => {
    if (part.startsWith("\\")) {
      return part;
    }
    if (!part.startsWith("[")) {
      return `[${part.toUpperCase()}${part.toLowerCase()}]`;
    }
    const letters = [...part.matchAll(/\\.|([A-Z](?:-[A-Z])?)/g)].map(([, range = ""]) => range.toLowerCase());
    return `${part.slice(0, -1)}${letters.join("")}]`;
  });
}
