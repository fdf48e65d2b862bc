import { DomainError } from "@sagacart/chassis/errors";
import { type AddressBook, RefusedHostError } from "./address-book.ts";
import { reasons } from "./reasons.ts";

export type UrlRules = { readonly allowHttp: boolean; readonly addressBook: AddressBook };

/** The URL in its normal form, or WEBHOOK_URL_REFUSED. The host is looked at again with each request. */
export async function readEndpointUrl(text: string, rules: UrlRules): Promise<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && !(rules.allowHttp && url.protocol === "http:"))) {
    throw refused(`must begin with https://${rules.allowHttp ? " or http://" : ""}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw refused("must not have a user or password");
  }
  url.hash = "";
  try {
    await rules.addressBook.addressesOf(url.hostname);
  } catch (error) {
    throw error instanceof RefusedHostError ? refused(`is not sent to: ${error.message}`) : error;
  }
  return url.href;
}

function refused(why: string): DomainError {
  return new DomainError(reasons, "WEBHOOK_URL_REFUSED", `the URL ${why}`);
}
