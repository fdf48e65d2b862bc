import type { Address } from "@sagacart/proto/type/v1/address";
import { addressFormat } from "./address-format.ts";
import { countryCodes } from "./countries.ts";

/** A field of an address that its country does not allow as it is. */
export type AddressProblem = {
  readonly field: "countryCode" | "city" | "region" | "postalCode";
  readonly ruleId: string;
  readonly message: string;
};

/**
 * Checks an address by what its country needs: an assigned country code, a city, a region, and a postal code of the right
 * form. Returns what is wrong. The rules that do not depend on the country are the contract's.
 *
 * A region may be left out where the country needs a postal code as well, which implies it; most clients of shops send
 * none for such countries. Where a country needs a region but no city (HK, AE), either will do: which of the two a place
 * like Dubai is, people do not agree on.
 */
export function addressProblems(address: Pick<Address, "countryCode" | "city" | "region" | "postalCode">) {
  const { countryCode: country, city, region, postalCode } = address;
  if (!countryCodes.has(country)) {
    const message = "must be an assigned ISO 3166-1 alpha-2 code, such as GB";
    return [{ field: "countryCode", ruleId: "address.country", message }] satisfies AddressProblem[];
  }
  const { needs, postalCodes } = addressFormat(country);
  const problems: AddressProblem[] = [];
  if (city === "" && (needs.city || (needs.region && region === "" && !needs.postalCode))) {
    problems.push({ field: "city", ruleId: "address.city", message: `is needed in ${country}` });
  } else if (region === "" && needs.region && needs.city && !needs.postalCode) {
    problems.push({ field: "region", ruleId: "address.region", message: `is needed in ${country}` });
  }
  if (postalCode === "" ? needs.postalCode : !postalCodes.test(postalCode)) {
    const message = postalCode === "" ? `is needed in ${country}` : `is not a postal code of ${country}`;
    problems.push({ field: "postalCode", ruleId: "address.postal_code", message });
  }
  return problems;
}
