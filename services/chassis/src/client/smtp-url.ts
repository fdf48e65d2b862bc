import { isLoopback } from "../loopback.ts";

/**
 * Adds options of nodemailer to an SMTP server's URL, unless it sets them itself. A server on another machine must offer
 * STARTTLS (or be reached by smtps:), since mails hold links that reset a password: with `requireTLS`, nodemailer sends
 * nothing to one that does not, also if somebody between strips the offer. `?requireTLS=false` in the URL says otherwise.
 */
export function withSmtpOptions(smtpUrl: string, options: Readonly<Record<string, string>>): string {
  const url = new URL(smtpUrl);
  const mustEncrypt = url.protocol === "smtp:" && !isLoopback(url.hostname) && !url.searchParams.has("ignoreTLS");
  for (const [name, value] of Object.entries({ ...options, ...(mustEncrypt ? { requireTLS: "true" } : {}) })) {
    if (!url.searchParams.has(name)) {
      url.searchParams.set(name, value);
    }
  }
  return url.href;
}
