import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { InboxMessageSchema, type InboxMessage as WireMessage } from "@sagacart/proto/notifier/v1/inbox";
import {
  CountUnreadResponseSchema,
  DeleteInboxMessageResponseSchema,
  type InboxService,
  ListInboxMessagesResponseSchema,
  MarkAllReadResponseSchema,
  MarkReadResponseSchema,
  WatchInboxResponseSchema,
} from "@sagacart/proto/notifier/v1/inbox_service";
import { reasons } from "../../reasons.ts";
import type { Renderer } from "../../templates/renderer.ts";
import { deleteFromInbox, findCountersOf, type InboxMessage, listInbox, markAllRead, markRead } from "./inbox-store.ts";
import type { InboxWatch } from "./inbox-watch.ts";

export type InboxOptions = {
  pool: Pool;
  renderer: Renderer;
  watch: InboxWatch["watch"];
  /** Called when an inbox has changed. */
  onChanges: () => void;
};

/** Creates the RPC handlers of InboxService. */
export function inboxService({ pool, renderer, watch, onChanges }: InboxOptions): ServiceImpl<typeof InboxService> {
  const render = async (message: InboxMessage) => inboxMessage(message, await renderer.renderBrief(message));
  return {
    async listInboxMessages({ customerId, unreadOnly, ...page }) {
      const limit = pageSize(page.pageSize);
      const list = `inbox of ${customerId}, ${unreadOnly}`;
      const beforeId = decodeIdToken(page.pageToken, list);
      // Read the counters first: a watch from this sequence reports what arrives between the two queries.
      const { sequence, unread } = await findCountersOf(pool, customerId);
      const messages = await listInbox(pool, { customerId, unreadOnly, beforeId, limit });
      return create(ListInboxMessagesResponseSchema, {
        messages: await Promise.all(messages.map(render)),
        nextPageToken: nextIdToken(messages, limit, list),
        unreadCount: unread,
        sequence,
      });
    },
    async countUnread({ customerId }) {
      const { unread } = await findCountersOf(pool, customerId);
      return create(CountUnreadResponseSchema, { unreadCount: unread });
    },
    async markRead({ customerId, id }) {
      const read = await markRead(pool, customerId, id);
      if (read === undefined) {
        throw notFound(id);
      }
      onChanges();
      return create(MarkReadResponseSchema, { message: await render(read.message), unreadCount: read.unread });
    },
    async markAllRead({ customerId, sequence }) {
      const { marked, unread } = await markAllRead(pool, customerId, sequence);
      onChanges();
      return create(MarkAllReadResponseSchema, { markedCount: marked, unreadCount: unread });
    },
    async deleteInboxMessage({ customerId, id }) {
      if (!(await deleteFromInbox(pool, customerId, id))) {
        throw notFound(id);
      }
      onChanges();
      return create(DeleteInboxMessageResponseSchema);
    },
    async *watchInbox({ customerId, afterSequence }, { signal }) {
      for await (const { messages, deletedIds, unread, sequence } of watch(customerId, afterSequence, signal)) {
        yield create(WatchInboxResponseSchema, {
          messages: await Promise.all(messages.map(render)),
          deletedIds: [...deletedIds],
          unreadCount: unread,
          sequence,
        });
      }
    },
  };
}

function notFound(id: string): DomainError<typeof reasons> {
  return new DomainError(reasons, "MESSAGE_NOT_FOUND", `there is no message ${id}`, { message_id: id });
}

function inboxMessage(message: InboxMessage, { subject, text }: { subject: string; text: string }): WireMessage {
  const { id, eventType, orderId, cartId, language, createTime, readTime, sequence } = message;
  return create(InboxMessageSchema, {
    ...{ id, eventType, orderId, cartId, subject, text, language, sequence },
    createTime: timestampFromDate(createTime),
    ...(readTime === null ? {} : { readTime: timestampFromDate(readTime) }),
  });
}
