import { type Pool, type Queryable, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Language } from "../messages/kind.ts";
import { builtinTemplates } from "./builtin.ts";
import type { TemplateSource } from "./engine.ts";

/** A version of a template. */
export type Template = TemplateSource &
  TemplateKey & { readonly version: number; readonly builtIn: boolean; readonly createTime: Date };

/** Identifies a template. */
export type TemplateKey = { readonly eventType: string; readonly language: Language };

/**
 * Stores the built-in templates. A changed one becomes the newest version, unless an operator has made a version. Each text
 * is stored once, even if processes of two releases start alternately.
 */
export async function seedTemplates(pool: Pool): Promise<void> {
  await withTransaction(pool, async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('sagacart.notifier.templates'))");
    for (const { eventType, language, subject, mjml, text } of builtinTemplates()) {
      await tx.query({
        name: "seed-template",
        text: `insert into templates (event_type, language, version, subject, mjml, text, built_in)
               select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, true
               from templates where event_type = $1 and language = $2
               having coalesce(bool_and(built_in), true)
                  and not coalesce(bool_or(subject = $3 and mjml = $4 and text = $5), false)`,
        values: [eventType, language, subject, mjml, text],
      });
    }
  });
}

/** Reads the newest versions. The function returned throws for a template that does not exist. */
export async function findNewestVersions(db: Queryable): Promise<(eventType: string, language: Language) => number> {
  const { rows } = await db.query<{ key: string; version: number }>({
    name: "find-newest-templates",
    text: "select event_type || ' ' || language as key, max(version) as version from templates group by 1",
  });
  const versions = new Map(rows.map(({ key, version }) => [key, version]));
  return (eventType, language) => {
    const version = versions.get(`${eventType} ${language}`);
    if (version === undefined) {
      throw new Error(`there is no template for ${eventType} in ${language}; they are created when the service starts`);
    }
    return version;
  };
}

/** Finds a version of a template; without `version` the newest. */
export async function findTemplate(
  db: Queryable,
  { eventType, language }: TemplateKey,
  version?: number,
): Promise<Template | undefined> {
  const { rows } = await db.query<Row>({
    name: "find-template",
    text: `${select} where event_type = $1 and language = $2 and version = coalesce($3, version)
           order by version desc limit 1`,
    values: [eventType, language, version ?? null],
  });
  return rows.map(toTemplate)[0];
}

/** Lists the newest versions by type and language, after this key. */
export async function listTemplates(
  db: Queryable,
  after: readonly [string, string],
  limit: number,
): Promise<Template[]> {
  const { rows } = await db.query<Row>({
    name: "list-templates",
    text: `select distinct on (event_type, language) event_type, language, version, subject, mjml, text, built_in,
                  create_time
           from templates where (event_type, language) > ($1, $2)
           order by event_type, language, version desc limit $3`,
    values: [...after, limit],
  });
  return rows.map(toTemplate);
}

/** Creates the version after `version`. Returns false if that is not the newest any more. */
export async function insertTemplate(
  db: Queryable,
  { eventType, language, subject, mjml, text }: TemplateKey & TemplateSource,
  version: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "insert-template",
    text: `insert into templates (event_type, language, version, subject, mjml, text, built_in)
           select $1, $2, $3 + 1, $4, $5, $6, false
           where $3 = (select max(version) from templates where event_type = $1 and language = $2)
           on conflict do nothing`,
    values: [eventType, language, version, subject, mjml, text],
  });
  return rowCount === 1;
}

type Row = {
  event_type: string;
  language: Language;
  version: number;
  subject: string;
  mjml: string;
  text: string;
  built_in: boolean;
  create_time: Date;
};

const select = "select event_type, language, version, subject, mjml, text, built_in, create_time from templates";

function toTemplate({ event_type, built_in, create_time, ...row }: Row): Template {
  return { ...row, eventType: event_type, builtIn: built_in, createTime: create_time };
}
