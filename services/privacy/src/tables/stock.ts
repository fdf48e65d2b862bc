import { each, notPersonal, type Tables } from "./table.ts";

/** The columns of stock, which knows orders by their ids, and no customer. */
export const stockTables: Tables = {
  products: {
    columns: each(
      `id sku sku_variant title description price_minor currency search_text version create_time update_time delete_time`,
      notPersonal,
    ),
  },
  levels: { columns: each("product_id on_hand reserved deleted", notPersonal) },
  movements: { columns: each("id product_id delta reason reference actor_kind actor_id create_time", notPersonal) },
  reservations: {
    columns: each(
      "id kind state fingerprint expire_time shortages actor_kind actor_id create_time update_time",
      notPersonal,
    ),
  },
  reservation_lines: { columns: each("reservation_id product_id quantity", notPersonal) },
  // Staff's: stock has no calls of customers that make something.
  requests: {
    columns: each("scope request_id method fingerprint resource_id failure create_time", notPersonal),
  },
};
