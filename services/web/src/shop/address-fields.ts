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
