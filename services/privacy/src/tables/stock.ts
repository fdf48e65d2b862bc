import { each, internal, open, type Tables } from "./table.ts";

/** The columns of stock, which knows orders by their ids, and no customer. */
export const stockTables: Tables = {
  products: {
    columns: {
      ...each("id sku title description price_minor currency picture_url version create_time update_time", open),
      ...each("sku_variant search_text delete_time", internal),
    },
  },
  levels: { columns: { ...each("product_id on_hand reserved", open), deleted: internal } },
  movements: { columns: each("id product_id delta reason reference actor_kind actor_id create_time", internal) },
  reservations: {
    columns: each(
      "id kind state fingerprint expire_time shortages actor_kind actor_id create_time update_time",
      internal,
    ),
  },
  reservation_lines: { columns: each("reservation_id product_id quantity", internal) },
  // Staff's: stock has no calls of customers that make something.
  requests: {
    columns: each("scope request_id method fingerprint resource_id failure create_time", internal),
  },
};
