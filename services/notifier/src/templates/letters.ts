import type { Pool } from "@sagacart/chassis/postgres/pool";
import { readOrderEvent } from "../intake/order-event.ts";
import { kindOf, mandatoryBecause } from "../messages/kind.ts";
import type { Draft } from "../messages/message.ts";
import { type Compiled, compileTemplate, type Letter } from "./engine.ts";
import { findTemplate } from "./template-store.ts";
import { variablesOf } from "./variables.ts";

export type LettersOptions = {
  pool: Pool;
  shopName: string;
  shopUrl: string;
  /** The link that turns messages like this one off. */
  unsubscribeUrl: (draft: Draft) => string;
};

/** Writes messages out. A version of a template is compiled once, and kept. */
export type Letters = {
  /** What the inbox and lists show. */
  brief(draft: Draft): Promise<Pick<Letter, "subject" | "text">>;
  /** What a mail takes. `unsubscribeUrl` is "" where it cannot be turned off. */
  full(draft: Draft): Promise<Letter & { readonly unsubscribeUrl: string }>;
};

export function createLetters({ pool, shopName, shopUrl, unsubscribeUrl }: LettersOptions): Letters {
  const compiled = new Map<string, Promise<Compiled>>();

  function templateOf({ eventType, language, templateVersion }: Draft): Promise<Compiled> {
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

  function prepare(draft: Draft) {
    const { eventType, orderId, cartId, facts, channel, language, name, createTime } = draft;
    const kind = kindOf(eventType);
    const canTurnOff = kind !== undefined && channel === "EMAIL" && mandatoryBecause(kind, channel) === "";
    const url = canTurnOff ? unsubscribeUrl(draft) : "";
    const read = readOrderEvent({ type: eventType, subject: orderId || cartId, data: facts });
    return {
      url,
      variables: variablesOf(read, { language, name, shopName, shopUrl, unsubscribeUrl: url, createTime }),
    };
  }

  return {
    async brief(draft) {
      const template = await templateOf(draft);
      const { variables } = prepare(draft);
      return { subject: template.subject(variables), text: template.text(variables) };
    },
    async full(draft) {
      const template = await templateOf(draft);
      const { url, variables } = prepare(draft);
      return {
        subject: template.subject(variables),
        text: template.text(variables),
        html: template.html(variables),
        unsubscribeUrl: url,
      };
    },
  };
}

/** Some versions of each; one is some hundred kilobytes. */
const mostCompiled = 100;

async function load(
  pool: Pool,
  { eventType, language, templateVersion }: Pick<Draft, "eventType" | "language" | "templateVersion">,
): Promise<Compiled> {
  const template = await findTemplate(pool, { eventType, language }, templateVersion);
  if (template === undefined) {
    throw new Error(`version ${templateVersion} of the template for ${eventType} in ${language} is gone`);
  }
  return compileTemplate(template);
}
