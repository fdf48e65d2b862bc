import { accessRule } from "@sagacart/chassis/auth/access";
import { MailboxService } from "@sagacart/proto/notifier/v1/notifier_service";
import { expect, test } from "vitest";

test("only who may be anybody reads the mailbox, where the tokens for new passwords lie", () => {
  for (const method of MailboxService.methods) {
    expect(accessRule(method)).toMatchObject({ anyone: false, roles: ["operator"] });
  }
});
