import { each, guarded, internal, personal, type Tables } from "./table.ts";

/** The outbox's tables without a person in them. Events are decided on by each service. */
export const outboxTables: Tables = {
  event_appends: { columns: each("number subjects sequences", internal) },
  event_positions: { columns: each("position subject sequence", internal) },
  event_consumers: {
    columns: each("name position generation seen_time create_time replay_time replay_position replay_reason", internal),
  },
};

/** Commands tell ids and numbers only, and are deleted once they are done. */
export const commandTables: Tables = {
  commands: {
    columns: each("id kind subject data state batch_id deliveries traceparent create_time update_time", internal),
  },
  command_batches: { columns: each("id kinds claimer lease_expire_time state create_time", internal) },
};

/** Webhooks of a provider: the provider's id of a charge or shipment, and what became of it. */
export const providerWebhooks: Tables = {
  webhooks: {
    columns: {
      body: guarded,
      ...each("provider id tries next_try_time receive_time park_time error actor_kind actor_id", internal),
    },
  },
};

/** The customers whose data was deleted. */
export const erasureTables: Tables = {
  erasures: {
    columns: each("customer_id begin_time done_time report_time next_try_time tries", internal),
  },
  erasure_cursors: { columns: each("feed position generation update_time", internal) },
};

/** Requests are kept for 30 days, with a hash of their content. Those of a customer are deleted at once. */
export function requestsOf(section: string, { ofStaff = [] }: { ofStaff?: readonly string[] } = {}): Tables {
  const others = ofStaff.map((method) => ` and t.method <> '${method}'`).join("");
  return {
    requests: {
      rows: {
        whose: `t.scope in ($1, 'by ' || $1)${others}`,
        section,
        key: { scope: "text", request_id: "text" },
        areDeleted: true,
      },
      columns: {
        ...each("scope request_id method resource_id failure create_time", personal),
        fingerprint: guarded,
      },
    },
  };
}
