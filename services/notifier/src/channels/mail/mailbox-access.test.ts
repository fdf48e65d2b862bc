import { accessRule } from "@sagacart/chassis/auth/access";
import { MailboxService } from "@sagacart/proto/notifier/v1/notifier_service";
import { expect, test } from "vitest";

test("only operators can read the mailbox, because it holds tokens for new passwords", () => {
  for (const method of MailboxService.methods) {
    expect(accessRule(method)).toMatchObject({ anyone: false, roles: ["operator"] });
  }
});
