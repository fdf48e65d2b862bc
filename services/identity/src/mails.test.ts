import { expect, test } from "vitest";
import { addressKnownMail, confirmMail, emailChangedMail, passwordChangedMail, resetMail } from "./mails.ts";

const mails: Readonly<Record<string, (username: string) => { text: string }>> = {
  confirm: (username) => confirmMail({ to: "a@shop.test", username, link: "https://shop.test/t", hours: 24 }),
  "address known": (username) => addressKnownMail({ to: "a@shop.test", username }),
  "email changed": (username) =>
    emailChangedMail({ to: "a@shop.test", username, email: "b@shop.test", link: "https://shop.test/t", days: 7 }),
  reset: (username) => resetMail({ to: "a@shop.test", username, link: "https://shop.test/t", minutes: 30 }),
  "password changed": (username) => passwordChangedMail({ to: "a@shop.test", username }),
};

test.each(Object.entries(mails))(
  "the mail %s greets by name, in both languages, unless the name could be a link",
  (_, make) => {
    expect(make("ada").text).toMatch(/^Hello ada,\n[\s\S]*\nGuten Tag ada,\n/);
    for (const name of ["prize.example", "www.prize.example", "prize.example.win"]) {
      expect(make(name).text).toMatch(/^Hello,\n[\s\S]*\nGuten Tag,\n/);
      expect(make(name).text).not.toContain(name);
    }
  },
);
