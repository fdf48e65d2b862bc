import { DomainError } from "@sagacart/chassis/errors";
import { type HostResolver, RefusedHostError } from "./host-resolver.ts";
import { reasons } from "./reasons.ts";

export type UrlRules = { readonly allowHttp: boolean; readonly hosts: HostResolver };

/** Normalizes and checks a URL. Throws WEBHOOK_URL_REFUSED. The host is resolved and checked again for each request. */
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
    await rules.hosts.addressesOf(url.hostname);
  } catch (error) {
    throw error instanceof RefusedHostError ? refused(`is not allowed: ${error.message}`) : error;
  }
  return url.href;
}

function refused(why: string): DomainError {
  return new DomainError(reasons, "WEBHOOK_URL_REFUSED", `the URL ${why}`);
}
