import { errorInfo } from "@sagacart/chassis/errors";
import { callerLeft } from "@sagacart/rest/caller-left";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Services } from "../services.ts";
import { contentSecurityPolicy, type Page, unsubscribePage } from "./unsubscribe-page.ts";

/**
 * Serves the unsubscribe links in mails: `/unsubscribe?token=…`. GET only asks, since mail scanners open links too. POST
 * unsubscribes: by the page's button, or by a mail program (RFC 8058, one click).
 */
export async function unsubscribe(app: FastifyInstance, { services }: { services: Services }): Promise<void> {
  // Any body is accepted and ignored.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: 16 * 1024 }, (_request, body, done) =>
    done(null, body),
  );
  const { preferences } = services.clients;

  app.get("/unsubscribe", async (request, reply) =>
    answer(reply, async () => {
      const link = await preferences.getUnsubscription({ token: tokenOf(request) }, { signal: callerLeft(reply) });
      return { ...linkText(link), kind: link.unsubscribed ? "done" : "question" };
    }),
  );
  app.post("/unsubscribe", async (request, reply) =>
    answer(reply, async () => {
      const link = await preferences.unsubscribe({ token: tokenOf(request) }, { signal: callerLeft(reply) });
      return { ...linkText(link), kind: "done" };
    }),
  );
}

function linkText({ eventType, language }: { eventType: string; language: string }) {
  return { eventType, language: language === "de" ? ("de" as const) : ("en" as const) };
}

function tokenOf({ query }: FastifyRequest): string {
  const token = typeof query === "object" && query !== null && "token" in query ? query.token : undefined;
  return typeof token === "string" ? token : "";
}

async function answer(reply: FastifyReply, find: () => Promise<Page>): Promise<FastifyReply> {
  const page = await find().catch((error): Page => {
    const { reason, violations } = errorInfo(error);
    if (reason === "UNSUBSCRIBE_LINK_INVALID" || violations.length > 0) {
      return { kind: "unknown" };
    }
    throw error;
  });
  return reply
    .code(page.kind === "unknown" ? 400 : 200)
    .headers({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": contentSecurityPolicy,
      "x-content-type-options": "nosniff",
      // The link alone is enough to unsubscribe: keep it from other sites and from caches.
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    })
    .send(unsubscribePage(page));
}
