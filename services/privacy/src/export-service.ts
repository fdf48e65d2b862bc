import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { badPageToken, decodePageToken, encodePageToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import {
  ExportPersonalDataResponseSchema,
  type PersonalDataService,
  type PersonalRecord,
  PersonalRecordSchema,
} from "@sagacart/proto/privacy/v1/personal_data_service";
import { personalTables } from "./erase-store.ts";
import { readRows } from "./export-store.ts";
import type { Tables } from "./tables/table.ts";

/** Creates the RPC handler that exports what these tables have about a customer. */
export function personalDataService({
  pool,
  tables,
}: {
  pool: Pool;
  tables: Tables;
}): ServiceImpl<typeof PersonalDataService> {
  const personal = personalTables(tables);
  return {
    async exportPersonalData({ customerId: given, pageSize: asked, pageToken }) {
      const customerId = given || (callContext()?.principal?.customerId ?? "");
      const list = JSON.stringify(["personal data", customerId]);
      const size = pageSize(asked);
      let [at, after] = placeOf(pageToken, list);
      const records: PersonalRecord[] = [];
      for (; at < personal.length; at++, after = []) {
        const [name, table] = personal[at] ?? [];
        if (name === undefined || table === undefined) {
          break;
        }
        const limit = size - records.length;
        if (limit === 0) {
          return page(records, encodePageToken([at, JSON.stringify(after)], list));
        }
        const rows = await readRows(pool, name, table, { customerId, after, limit });
        records.push(...rows.map(({ data }) => create(PersonalRecordSchema, { section: table.rows.section, data })));
        const last = rows.at(-1);
        if (rows.length === limit && last !== undefined) {
          return page(records, encodePageToken([at, JSON.stringify(last.key)], list));
        }
      }
      return page(records, "");
    },
  };

  /** Reads the index of the table that a page begins in, and the key that it begins after. */
  function placeOf(token: string, list: string): [table: number, after: readonly string[]] {
    const place = decodePageToken(token, list, ["number", "string"]);
    if (place === undefined) {
      return [0, []];
    }
    const [at, json] = place;
    const after = textsIn(json);
    const [, table] = personal[at] ?? [];
    const keys = table === undefined ? 0 : Object.keys(table.rows.key).length;
    if (after === undefined || table === undefined || (after.length !== 0 && after.length !== keys)) {
      throw badPageToken();
    }
    return [at, after];
  }
}

function page(records: PersonalRecord[], nextPageToken: string) {
  return create(ExportPersonalDataResponseSchema, { records, nextPageToken });
}

function textsIn(json: string): readonly string[] | undefined {
  try {
    const texts: unknown = JSON.parse(json);
    return Array.isArray(texts) && texts.every((text) => typeof text === "string") ? texts : undefined;
  } catch {
    return undefined;
  }
}
