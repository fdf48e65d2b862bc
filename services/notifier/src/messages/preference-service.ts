import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { Message_Channel as WireChannel } from "@sagacart/proto/notifier/v1/message";
import { type Preferences, PreferencesSchema } from "@sagacart/proto/notifier/v1/preference";
import {
  GetPreferencesResponseSchema,
  GetUnsubscriptionResponseSchema,
  type PreferenceChange,
  type PreferenceService,
  UnsubscribeResponseSchema,
  UpdatePreferencesResponseSchema,
} from "@sagacart/proto/notifier/v1/preference_service";
import { reasons } from "../reasons.ts";
import { type Change, type Customer, findCustomers, setLanguage, turn } from "./customer-store.ts";
import { isLanguage, kindOf, kinds, mandatoryBecause } from "./kind.ts";
import { readUnsubscription, type Unsubscription } from "./unsubscribe-token.ts";
import { channelOf } from "./wire.ts";

export type PreferenceOptions = {
  pool: Pool;
  /** What unsubscribe links are signed with, or were. */
  unsubscribeSecrets: readonly string[];
};

/** The rpcs of PreferenceService. */
export function preferenceService({
  pool,
  unsubscribeSecrets,
}: PreferenceOptions): ServiceImpl<typeof PreferenceService> {
  const read = (token: string) => {
    const link = readUnsubscription(token, unsubscribeSecrets);
    if (link === undefined) {
      const message = "this link is not one that we sent, or it is not whole; copy all of it from the mail";
      throw new DomainError(reasons, "UNSUBSCRIBE_LINK_INVALID", message);
    }
    return link;
  };
  return {
    async getPreferences({ customerId }) {
      return create(GetPreferencesResponseSchema, { preferences: preferences(await find(pool, customerId)) });
    },
    async updatePreferences({ customerId, language, changes }) {
      const checked = [...new Map(changes.map(checkChange).map((change) => [keyOf(change), change])).values()];
      await withTransaction(pool, async (tx) => {
        if (isLanguage(language)) {
          await setLanguage(tx, customerId, language);
        }
        await turn(tx, customerId, checked);
      });
      return create(UpdatePreferencesResponseSchema, { preferences: preferences(await find(pool, customerId)) });
    },
    async getUnsubscription({ token }) {
      const { customerId, eventType, language } = read(token);
      const unsubscribed = (await find(pool, customerId)).isTurnedOff("EMAIL", eventType);
      return create(GetUnsubscriptionResponseSchema, { eventType, language, unsubscribed });
    },
    async unsubscribe({ token }) {
      const link: Unsubscription = read(token);
      const { customerId, eventType, language } = link;
      await turn(pool, customerId, [{ channel: "EMAIL", eventType, enabled: false }]);
      return create(UnsubscribeResponseSchema, { eventType, language });
    },
  };
}

async function find(pool: Pool, customerId: string): Promise<Customer> {
  const customer = (await findCustomers(pool, [customerId])).get(customerId);
  if (customer === undefined) {
    throw new Error("findCustomers answers for each id that it is asked for");
  }
  return customer;
}

/** Of two changes of the same, the later one counts. */
function keyOf({ channel, eventType }: Change): string {
  return `${channel} ${eventType}`;
}

function checkChange({ eventType, channel: asked, enabled }: PreferenceChange): Change {
  const kind = kindOf(eventType);
  const channel = channelOf(asked);
  if (kind === undefined || channel === undefined || !kind.channels.includes(channel)) {
    const message = `nobody is told of ${eventType} over ${channel ?? "that channel"}`;
    throw new DomainError(reasons, "PREFERENCE_UNKNOWN", message, { event_type: eventType });
  }
  const why = mandatoryBecause(kind, channel);
  if (!enabled && why !== "") {
    const message = `${eventType} over ${channel} cannot be turned off: ${why}`;
    throw new DomainError(reasons, "PREFERENCE_MANDATORY", message, { event_type: eventType, channel });
  }
  return { eventType, channel, enabled };
}

function preferences({ customerId, language, isTurnedOff }: Customer): Preferences {
  return create(PreferencesSchema, {
    customerId,
    language,
    preferences: kinds.flatMap((kind) =>
      kind.channels.map((channel) => {
        const why = mandatoryBecause(kind, channel);
        const { eventType } = kind;
        const enabled = why !== "" || !isTurnedOff(channel, eventType);
        return { eventType, channel: WireChannel[channel], enabled, mandatoryBecause: why };
      }),
    ),
  });
}
