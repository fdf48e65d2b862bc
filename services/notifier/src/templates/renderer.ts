import type { Pool } from "@sagacart/chassis/postgres/pool";
import { readOrderEvent } from "../intake/order-event.ts";
import { kindOf, mandatoryBecause } from "../messages/kind.ts";
import type { MessageData } from "../messages/message.ts";
import { type Compiled, compileTemplate, type Rendered } from "./engine.ts";
import { findTemplate } from "./template-store.ts";
import { variablesOf } from "./variables.ts";

export type RendererOptions = {
  pool: Pool;
  shopName: string;
  shopUrl: string;
  /** Makes the link that turns off messages of this kind. */
  unsubscribeUrl: (data: MessageData) => string;
};

/** Renders messages. Compiled templates are cached by version. */
export type Renderer = {
  /** Renders what inboxes and lists show. */
  renderBrief(data: MessageData): Promise<Pick<Rendered, "subject" | "text">>;
  /** Renders a mail. `unsubscribeUrl` is "" if the customer cannot turn it off. */
  renderMail(data: MessageData): Promise<Rendered & { readonly unsubscribeUrl: string }>;
};

export function createRenderer({ pool, shopName, shopUrl, unsubscribeUrl }: RendererOptions): Renderer {
  const compiled = new Map<string, Promise<Compiled>>();

  function templateOf({ eventType, language, templateVersion }: MessageData): Promise<Compiled> {
    const key = `${eventType} ${language} ${templateVersion}`;
    const known = compiled.get(key) ?? load(pool, { eventType, language, templateVersion });
    compiled.delete(key);
    compiled.set(key, known);
    known.catch(() => compiled.delete(key));
    for (const oldest of compiled.keys()) {
      if (compiled.size <= mostCompiled) {
        break;
      }
      compiled.delete(oldest);
    }
    return known;
  }

  function prepare(data: MessageData) {
    const { eventType, orderId, cartId, facts, channel, language, name, createTime } = data;
    const kind = kindOf(eventType);
    const canTurnOff = kind !== undefined && channel === "EMAIL" && mandatoryBecause(kind, channel) === "";
    const url = canTurnOff ? unsubscribeUrl(data) : "";
    const read = readOrderEvent({ type: eventType, subject: orderId || cartId, data: facts });
    return {
      url,
      variables: variablesOf(read, { language, name, shopName, shopUrl, unsubscribeUrl: url, createTime }),
    };
  }

  return {
    async renderBrief(data) {
      const template = await templateOf(data);
      const { variables } = prepare(data);
      return { subject: template.subject(variables), text: template.text(variables) };
    },
    async renderMail(data) {
      const template = await templateOf(data);
      const { url, variables } = prepare(data);
      return {
        subject: template.subject(variables),
        text: template.text(variables),
        html: template.html(variables),
        unsubscribeUrl: url,
      };
    },
  };
}

// A few versions of each kind; a compiled template takes some hundred kilobytes.
const mostCompiled = 100;

async function load(
  pool: Pool,
  { eventType, language, templateVersion }: Pick<MessageData, "eventType" | "language" | "templateVersion">,
): Promise<Compiled> {
  const template = await findTemplate(pool, { eventType, language }, templateVersion);
  if (template === undefined) {
    throw new Error(`version ${templateVersion} of the template for ${eventType} in ${language} does not exist`);
  }
  return compileTemplate(template);
}
