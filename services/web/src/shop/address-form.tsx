import { NativeSelect, Stack, TextInput } from "@mantine/core";
import { iso31661 } from "iso-3166/1.js";
import { useMemo } from "react";
import { type Language, type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { type AddressDraft, fieldsOf } from "./address-fields.ts";
import classes from "./address-form.module.css";

export type AddressTexts = Readonly<Record<keyof AddressDraft, string>>;

export const addressTexts: Texts<AddressTexts> = {
  en: {
    countryCode: "Country",
    recipient: "Name",
    line1: "Street and number",
    line2: "Apartment, floor (optional)",
    postalCode: "Postal code",
    city: "Town",
    region: "State or region",
  },
  de: {
    countryCode: "Land",
    recipient: "Name",
    line1: "Straße und Hausnummer",
    line2: "Wohnung, Etage (optional)",
    postalCode: "Postleitzahl",
    city: "Ort",
    region: "Bundesland oder Region",
  },
};

/** The fields of an address: those that its country has, required where it needs them. The order service checks the same. */
export function AddressForm(given: {
  value: AddressDraft;
  onChange: (value: AddressDraft) => void;
  postalCodeHint?: string;
}) {
  const { value, onChange } = given;
  const text = useTexts(addressTexts);
  const { language } = useLanguage();
  const countries = useMemo(() => countriesIn(language), [language]);
  const fields = fieldsOf(value.countryCode);
  const input = (name: Exclude<keyof AddressDraft, "countryCode">, autoComplete: string, extra = {}) => (
    <TextInput
      label={text[name]}
      value={value[name]}
      autoComplete={autoComplete}
      onChange={({ currentTarget }) => onChange({ ...value, [name]: currentTarget.value })}
      {...extra}
    />
  );
  return (
    <Stack gap="sm">
      <NativeSelect
        label={text.countryCode}
        value={value.countryCode}
        autoComplete="shipping country"
        data={countries}
        onChange={({ currentTarget }) => onChange({ ...value, countryCode: currentTarget.value })}
      />
      {input("recipient", "shipping name", { required: true, maxLength: 200 })}
      {input("line1", "shipping address-line1", { required: true, maxLength: 200 })}
      {input("line2", "shipping address-line2", { maxLength: 200 })}
      <div className={classes.row}>
        {fields.postalCode !== undefined &&
          input("postalCode", "shipping postal-code", {
            required: fields.postalCode === "required",
            maxLength: 16,
            description: given.postalCodeHint,
            ...(fields.pattern === "" ? {} : { pattern: fields.pattern }),
          })}
        {input("city", "shipping address-level2", { required: fields.city === "required", maxLength: 100 })}
        {fields.region !== undefined &&
          input("region", "shipping address-level1", {
            // Where there is a postal code, it implies the region.
            required: fields.region === "required" && fields.postalCode !== "required",
            maxLength: 100,
          })}
      </div>
    </Stack>
  );
}

function countriesIn(language: Language): { value: string; label: string }[] {
  const names = new Intl.DisplayNames(language, { type: "region" });
  return iso31661
    .filter(({ state }) => state === "assigned")
    .map(({ alpha2 }) => ({ value: alpha2, label: names.of(alpha2) ?? alpha2 }))
    .sort((one, other) => one.label.localeCompare(other.label, language));
}

/** Returns the country of the browser's language, else that of the page's. */
export function likelyCountry(accepted: readonly string[], language: Language): string {
  const regions = accepted.map((tag) => new Intl.Locale(tag).region).filter((region) => region !== undefined);
  return regions.find((region) => /^[A-Z]{2}$/.test(region)) ?? (language === "de" ? "DE" : "GB");
}
