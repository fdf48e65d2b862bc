import { expect, test } from "vitest";
import { withSmtpOptions } from "./smtp-url.ts";

test.each([
  ["smtp://mail.example:587", "true"],
  ["smtp://user:password@mail.example", "true"],
  ["smtp://192.0.2.7:25", "true"],
  ["smtp://[2001:db8::1]:25", "true"],
  ["smtp://127.0.0.1.example:25", "true"],
  ["smtp://localhost.example:25", "true"],
  ["SMTP://MAIL.EXAMPLE", "true"],
  // Told otherwise.
  ["smtp://mail.example:25?requireTLS=false", "false"],
  ["smtp://mail.example:25?ignoreTLS=true", null],
  // Encrypted from the first byte.
  ["smtps://mail.example", null],
  // Never leaves the machine.
  ["smtp://127.0.0.1:1025", null],
  ["smtp://localhost:1025", null],
  ["smtp://[::1]:1025", null],
])("%s asks for requireTLS=%s", (url, expected) => {
  expect(new URL(withSmtpOptions(url, {})).searchParams.get("requireTLS")).toBe(expected);
});

test("options of the URL are kept, and others added", () => {
  const url = new URL(withSmtpOptions("smtp://localhost?pool=false", { pool: "true", maxConnections: "5" }));
  expect(Object.fromEntries(url.searchParams)).toEqual({ pool: "false", maxConnections: "5" });
});
