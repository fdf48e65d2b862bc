import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { badPageToken, decodePageToken, encodePageToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { TemplateSchema } from "@sagacart/proto/notifier/v1/template";
import {
  GetTemplateResponseSchema,
  ListTemplatesResponseSchema,
  PreviewTemplateResponseSchema,
  type TemplateService,
  UpdateTemplateResponseSchema,
} from "@sagacart/proto/notifier/v1/template_service";
import { isLanguage } from "../messages/kind.ts";
import { reasons } from "../reasons.ts";
import { checkTemplate } from "./check.ts";
import { type Compiled, TemplateError, type TemplateSource } from "./engine.ts";
import { fullSample } from "./samples.ts";
import { findTemplate, insertTemplate, listTemplates, type Template, type TemplateKey } from "./template-store.ts";

/** Creates the RPC handlers of TemplateService. */
export function templateService({ pool }: { pool: Pool }): ServiceImpl<typeof TemplateService> {
  return {
    async listTemplates(page) {
      const limit = pageSize(page.pageSize);
      const templates = await listTemplates(pool, readToken(page.pageToken), limit);
      const last = templates.length === limit ? templates.at(-1) : undefined;
      return create(ListTemplatesResponseSchema, {
        templates: templates.map(templateMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.eventType, last.language], list),
      });
    },
    async getTemplate({ version, ...key }) {
      const template = await get(pool, key, version === 0 ? undefined : version);
      return create(GetTemplateResponseSchema, { template: templateMessage(template) });
    },
    async updateTemplate({ version, ...update }) {
      const { subject, mjml, text } = update;
      const { eventType, language } = await get(pool, update);
      check({ subject, mjml, text }, language);
      const isNew = await insertTemplate(pool, { eventType, language, subject, mjml, text }, version);
      const template = await get(pool, update);
      const isSame = template.subject === subject && template.mjml === mjml && template.text === text;
      if (!isNew && !(isSame && template.version === version + 1)) {
        const why = `the newest version of this template is ${template.version}; read it and apply the change again`;
        throw new DomainError(reasons, "TEMPLATE_CHANGED", why, { version: String(template.version) });
      }
      return create(UpdateTemplateResponseSchema, { template: templateMessage(template) });
    },
    async previewTemplate({ subject, mjml, text, ...key }) {
      const newest = await get(pool, key);
      const source = `${subject}${mjml}${text}` === "" ? newest : { subject, mjml, text };
      const compiled = check(source, newest.language);
      return create(PreviewTemplateResponseSchema, compiled.renderStrictly(fullSample(newest.language)));
    },
  };
}

const list = "templates";

function readToken(token: string): readonly [string, string] {
  const [eventType, language] = decodePageToken(token, list, ["string", "string"]) ?? ["", ""];
  if (!/^[a-z0-9._]{0,100}$/.test(eventType) || (token !== "" && !isLanguage(language))) {
    throw badPageToken();
  }
  return [eventType, language];
}

async function get(
  pool: Pool,
  { eventType, language }: { eventType: string; language: string },
  version?: number,
): Promise<Template> {
  const key: TemplateKey | undefined = isLanguage(language) ? { eventType, language } : undefined;
  const template = key === undefined ? undefined : await findTemplate(pool, key, version);
  if (template === undefined) {
    const which = version === undefined ? "" : ` with version ${version}`;
    const message = `there is no template for ${eventType} in ${language}${which}`;
    throw new DomainError(reasons, "TEMPLATE_NOT_FOUND", message, { event_type: eventType, language });
  }
  return template;
}

function check(source: TemplateSource, language: Template["language"]): Compiled {
  try {
    return checkTemplate(source, language);
  } catch (error) {
    if (error instanceof TemplateError) {
      const { field, message } = error;
      throw new DomainError(reasons, "TEMPLATE_INVALID", `${field}: ${message}`, { field });
    }
    throw error;
  }
}

function templateMessage({ createTime, ...template }: Template) {
  return create(TemplateSchema, { ...template, createTime: timestampFromDate(createTime) });
}
