import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import {
  GetContactResponseSchema,
  GetMessageResponseSchema,
  GetProgressResponseSchema,
  ListMessagesResponseSchema,
  type NotifierService,
  PutContactResponseSchema,
  RetryMessageResponseSchema,
} from "@sagacart/proto/notifier/v1/notifier_service";
import { orderCursor } from "../intake/intake.ts";
import { sendHeldMails } from "../intake/registered-store.ts";
import { reasons } from "../reasons.ts";
import type { Renderer } from "../templates/renderer.ts";
import { findCustomers, putContact } from "./customer-store.ts";
import type { Message } from "./message.ts";
import { countPending, findMessage, listMessages, retryMessage } from "./message-store.ts";
import { channelOf, messageMessage, stateOf } from "./wire.ts";

export type ServiceOptions = {
  pool: Pool;
  renderer: Renderer;
  /** Called when there may be messages to send. */
  onMessages: () => void;
};

/** Creates the RPC handlers of NotifierService. */
export function notifierService({ pool, renderer, onMessages }: ServiceOptions): ServiceImpl<typeof NotifierService> {
  const brief = async (message: Message) => messageMessage(message, await renderer.renderBrief(message));
  return {
    async putContact({ customerId, email, name }) {
      await withTransaction(pool, async (tx) => {
        await putContact(tx, { customerId, email, name });
        if (email !== "") {
          await sendHeldMails(tx, customerId, email);
        }
      });
      onMessages();
      return create(PutContactResponseSchema, { contact: { customerId, email, name } });
    },
    async getContact({ customerId }) {
      const { email = "", name = "" } = (await findCustomers(pool, [customerId])).get(customerId) ?? {};
      if (email === "") {
        const message = `customer ${customerId} has no contact`;
        throw new DomainError(reasons, "CONTACT_NOT_FOUND", message, { customer_id: customerId });
      }
      return create(GetContactResponseSchema, { contact: { customerId, email, name } });
    },
    async getMessage({ id, customerId }) {
      const message = await get(pool, id, customerId);
      return create(GetMessageResponseSchema, { message: messageMessage(message, await renderer.renderMail(message)) });
    },
    async listMessages({ customerId, orderId, state, channel, ...page }) {
      const limit = pageSize(page.pageSize);
      const list = `messages of ${customerId}, ${orderId}, ${state}, ${channel}`;
      const beforeId = decodeIdToken(page.pageToken, list);
      const filter = {
        customerId,
        orderId,
        state: stateOf(state),
        channel: channelOf(channel) ?? ("" as const),
        beforeId,
        limit,
      };
      const messages = await listMessages(pool, filter);
      return create(ListMessagesResponseSchema, {
        messages: await Promise.all(messages.map(brief)),
        nextPageToken: nextIdToken(messages, limit, list),
      });
    },
    async retryMessage({ id }) {
      const retried = await retryMessage(pool, id);
      // Answer with the retried state: a later read may find the message sent already.
      const message = retried ?? (await get(pool, id, ""));
      if (message.state === "SENT") {
        throw new DomainError(reasons, "MESSAGE_SENT", `message ${id} was sent and cannot be retried`, {
          message_id: id,
        });
      }
      if (message.state === "SUPPRESSED") {
        const why = `message ${id} is suppressed: ${message.lastError}`;
        throw new DomainError(reasons, "MESSAGE_SUPPRESSED", why, { message_id: id });
      }
      onMessages();
      return create(RetryMessageResponseSchema, { message: await brief(message) });
    },
    async getProgress() {
      const [{ position }, pendingMessages] = await Promise.all([orderCursor.read(pool), countPending(pool)]);
      return create(GetProgressResponseSchema, { position, pendingMessages });
    },
  };
}

async function get(pool: Pool, id: string, customerId: string): Promise<Message> {
  const message = await findMessage(pool, id);
  if (message === undefined || (customerId !== "" && message.customerId !== customerId)) {
    throw new DomainError(reasons, "MESSAGE_NOT_FOUND", `there is no message ${id}`, { message_id: id });
  }
  return message;
}
