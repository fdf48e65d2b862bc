import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import {
  GetMailboxMessageResponseSchema,
  ListMailboxMessagesResponseSchema,
  type MailboxService,
} from "@sagacart/proto/notifier/v1/notifier_service";
import { mailMessage } from "../../messages/wire.ts";
import { reasons } from "../../reasons.ts";
import { findMail, listMails } from "./mail-store.ts";

/** Creates the RPC handlers of MailboxService. */
export function mailboxService({ pool }: { pool: Pool }): ServiceImpl<typeof MailboxService> {
  return {
    async listMailboxMessages({ to, ...page }) {
      const limit = pageSize(page.pageSize);
      const list = `mails to ${to}`;
      const mails = await listMails(pool, { to, beforeId: decodeIdToken(page.pageToken, list), limit });
      return create(ListMailboxMessagesResponseSchema, {
        messages: mails.map(mailMessage),
        nextPageToken: nextIdToken(mails, limit, list),
      });
    },
    async getMailboxMessage({ id }) {
      const mail = await findMail(pool, id);
      if (mail === undefined) {
        throw new DomainError(reasons, "MAIL_NOT_FOUND", `there is no mail ${id}`, { mail_id: id });
      }
      return create(GetMailboxMessageResponseSchema, { message: mailMessage(mail) });
    },
  };
}
