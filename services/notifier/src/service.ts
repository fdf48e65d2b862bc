import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { pageSize } from "@sagacart/chassis/page";
import type { Pool } from "@sagacart/chassis/postgres";
import {
  GetContactResponseSchema,
  GetMessageResponseSchema,
  GetProgressResponseSchema,
  ListMessagesResponseSchema,
  type NotifierService,
  PutContactResponseSchema,
  RetryMessageResponseSchema,
} from "@sagacart/proto/notifier/v1/notifier_service";
import { readCursor } from "./intake.ts";
import type { Message } from "./message.ts";
import { messageMessage, stateOf } from "./messages.ts";
import { nextPageToken, readPageToken } from "./newest-first.ts";
import { reasons } from "./reasons.ts";
import { countPending, findContacts, findMessage, listMessages, putContact, retryMessage } from "./store.ts";

export type ServiceOptions = {
  pool: Pool;
  /** Called when there may be a message to send. */
  onMessages: () => void;
};

/** The rpcs of NotifierService. */
export function notifierService({ pool, onMessages }: ServiceOptions): ServiceImpl<typeof NotifierService> {
  return {
    async putContact({ customerId, email, name }) {
      await putContact(pool, { customerId, email, name });
      return create(PutContactResponseSchema, { contact: { customerId, email, name } });
    },
    async getContact({ customerId }) {
      const contact = (await findContacts(pool, [customerId])).get(customerId);
      if (contact === undefined) {
        const message = `customer ${customerId} has no contact`;
        throw new DomainError(reasons, "CONTACT_NOT_FOUND", message, { customer_id: customerId });
      }
      return create(GetContactResponseSchema, { contact });
    },
    async getMessage({ id, customerId }) {
      return create(GetMessageResponseSchema, { message: messageMessage(await get(pool, id, customerId)) });
    },
    async listMessages({ customerId, orderId, state, ...page }) {
      const limit = pageSize(page.pageSize);
      const list = `messages of ${customerId}, ${orderId}, ${state}`;
      const beforeId = readPageToken(page.pageToken, list);
      const messages = await listMessages(pool, { customerId, orderId, state: stateOf(state), beforeId, limit });
      return create(ListMessagesResponseSchema, {
        messages: messages.map(messageMessage),
        nextPageToken: nextPageToken(messages, limit, list),
      });
    },
    async retryMessage({ id }) {
      await retryMessage(pool, id);
      const message = await get(pool, id, "");
      if (message.state === "SENT") {
        throw new DomainError(reasons, "MESSAGE_SENT", `message ${id} was sent`, { message_id: id });
      }
      onMessages();
      return create(RetryMessageResponseSchema, { message: messageMessage(message) });
    },
    async getProgress() {
      const [position, pendingMessages] = await Promise.all([readCursor(pool), countPending(pool)]);
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
