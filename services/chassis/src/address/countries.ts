import { iso31661 } from "iso-3166/1.js";

/** The codes that ISO 3166-1 alpha-2 assigns to countries: no reserved, withdrawn or user-assigned ones (EU, UK, SU, ZZ). */
export const countryCodes: ReadonlySet<string> = new Set(
  iso31661.filter(({ state }) => state === "assigned").map(({ alpha2 }) => alpha2),
);
