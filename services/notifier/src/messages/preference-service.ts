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
import { applyChanges, type Change, type Customer, findCustomers, setLanguage } from "./customer-store.ts";
import { customerKinds, isLanguage, kindOf, mandatoryBecause } from "./kind.ts";
import { readUnsubscription, type Unsubscription } from "./unsubscribe-token.ts";
import { channelOf } from "./wire.ts";

export type PreferenceOptions = {
  pool: Pool;
  /** The present and former secrets of unsubscribe links. */
  unsubscribeSecrets: readonly string[];
};

/** Creates the RPC handlers of PreferenceService. */
export function preferenceService({
  pool,
  unsubscribeSecrets,
}: PreferenceOptions): ServiceImpl<typeof PreferenceService> {
  const read = (token: string) => {
    const link = readUnsubscription(token, unsubscribeSecrets);
    if (link === undefined) {
      const message = "this link is not from us or is incomplete; copy the whole link from the mail";
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
        await applyChanges(tx, customerId, checked);
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
      await applyChanges(pool, customerId, [{ channel: "EMAIL", eventType, enabled: false }]);
      return create(UnsubscribeResponseSchema, { eventType, language });
    },
  };
}

async function find(pool: Pool, customerId: string): Promise<Customer> {
  const customer = (await findCustomers(pool, [customerId])).get(customerId);
  if (customer === undefined) {
    throw new Error("findCustomers returned no entry for an id");
  }
  return customer;
}

/** Returns the key by which the last of several changes of one preference wins. */
function keyOf({ channel, eventType }: Change): string {
  return `${channel} ${eventType}`;
}

function checkChange({ eventType, channel: asked, enabled }: PreferenceChange): Change {
  const kind = kindOf(eventType);
  const channel = channelOf(asked);
  if (kind === undefined || kind.isForOperators || channel === undefined || !kind.channels.includes(channel)) {
    const message = `there are no messages for ${eventType} over ${channel ?? "that channel"}`;
    throw new DomainError(reasons, "PREFERENCE_UNKNOWN", message, { event_type: eventType });
  }
  const why = mandatoryBecause(kind, channel);
  if (!enabled && why !== "") {
    const message = `${eventType} over ${channel} cannot be turned off: ${why}`;
    throw new DomainError(reasons, "PREFERENCE_MANDATORY", message, { event_type: eventType, channel });
  }
  return { eventType, channel, enabled };
}

function preferences({ customerId, language, isLanguageChosen, isTurnedOff }: Customer): Preferences {
  return create(PreferencesSchema, {
    customerId,
    language,
    languageChosen: isLanguageChosen,
    preferences: customerKinds.flatMap((kind) =>
      kind.channels.map((channel) => {
        const why = mandatoryBecause(kind, channel);
        const { eventType } = kind;
        const enabled = why !== "" || !isTurnedOff(channel, eventType);
        return { eventType, channel: WireChannel[channel], enabled, mandatoryBecause: why };
      }),
    ),
  });
}
