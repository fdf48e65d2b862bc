import { outboxTables } from "./shared.ts";
import { each, guarded, history, internal, open, personal, secret, type Tables, without } from "./table.ts";

const ownRow = "t.user_id = $1";

/** The columns of identity. All is deleted in the transaction that deletes the user. */
export const identityTables: Tables = {
  password_resets: {
    rows: { whose: ownRow, section: "passwordResets", key: { hash: "bytea" }, areDeleted: true },
    columns: { ...each("user_id expire_time", personal), hash: secret },
  },
  email_tokens: {
    rows: { whose: ownRow, section: "emailTokens", key: { hash: "bytea" }, areDeleted: true },
    columns: { ...each("user_id purpose email expire_time create_time", personal), hash: secret },
  },
  factors: {
    rows: { whose: ownRow, section: "secondFactors", key: { id: "text" }, areDeleted: true },
    columns: {
      ...each("id user_id kind name confirm_time create_time last_use_time", personal),
      ...each("secret_key_id last_step", internal),
      secret,
    },
  },
  recovery_codes: {
    rows: { whose: ownRow, section: "recoveryCodes", key: { user_id: "text", hash: "bytea" }, areDeleted: true },
    columns: { ...each("user_id create_time", personal), hash: secret },
  },
  pending_sign_ins: {
    rows: { whose: ownRow, section: "pendingSignIns", key: { hash: "bytea" }, areDeleted: true },
    columns: { ...each("user_id expire_time create_time", personal), hash: secret },
  },
  passkeys: {
    rows: { whose: ownRow, section: "passkeys", key: { id: "text" }, areDeleted: true },
    columns: {
      ...each("id user_id name transports create_time last_use_time", personal),
      ...each("credential_id public_key", guarded),
      sign_count: internal,
    },
  },
  passkey_challenges: {
    rows: { whose: ownRow, section: "passkeyChallenges", key: { hash: "bytea" }, areDeleted: true },
    columns: { ...each("user_id purpose passkey_id name expire_time create_time", personal), hash: secret },
  },
  factor_resets: {
    rows: { whose: ownRow, section: "secondFactorResets", key: { id: "bigint" }, areDeleted: true },
    columns: { ...each("user_id factors create_time", personal), ...each("id operator_id", internal) },
  },
  refresh_tokens: {
    rows: {
      whose: "t.session_id in (select id from sessions where user_id = $1)",
      section: "refreshTokens",
      key: { hash: "bytea" },
      areDeleted: true,
    },
    columns: { ...each("session_id expire_time use_time", personal), ...each("hash next_hash", secret) },
  },
  sessions: {
    rows: { whose: ownRow, section: "sessions", key: { id: "text" }, areDeleted: true },
    columns: each(
      "id user_id end_time end_reason expire_time create_time auth_time user_agent network last_use_time amr",
      personal,
    ),
  },
  // Sign-ins by OpenID Connect. An interaction without an account yet ends within an hour.
  oidc_entries: {
    rows: {
      whose: "t.account_id = $1",
      section: "signIns",
      key: { model: "text", id_hash: "bytea" },
      areDeleted: true,
    },
    columns: {
      ...each("model account_id expire_time", personal),
      // It has codes and tokens.
      ...each("id_hash payload grant_id uid", secret),
    },
  },
  addresses: {
    rows: { whose: ownRow, section: "addresses", key: { id: "text" }, areDeleted: true },
    columns: { ...each("id user_id address is_default create_time update_time", personal), version: internal },
  },
  requests: {
    rows: {
      whose: "t.scope in ('addresses ' || $1, 'by ' || $1) or (t.scope = 'register' and t.resource_id = $1)",
      section: "registrationRequests",
      key: { scope: "text", request_id: "text" },
      areDeleted: true,
    },
    columns: {
      ...each("scope request_id method resource_id failure create_time", personal),
      fingerprint: guarded,
    },
  },
  users: {
    rows: { whose: "t.id = $1", section: "profile", key: { id: "text" }, areDeleted: true },
    columns: {
      ...each("id username email verified_email pending_email phone roles create_time update_time", personal),
      password_hash: secret,
      // The keys are forms of the name and the address.
      ...each("username_key email_key", guarded),
      ...each("version token_version has_operator_password", internal),
    },
  },
  events: {
    rows: {
      whose: "t.subject = $1",
      section: "userEvents",
      key: { subject: "text", sequence: "bigint" },
      areDeleted: false,
    },
    columns: {
      ...each("subject sequence type time", history),
      data: without(["email"], { json: "t.data" }),
      ...each("id traceparent", internal),
    },
  },
  ...outboxTables,
  // Ids of ended sessions and of users, for an hour.
  revocations: { columns: each("kind subject version expire_time xact", internal) },
  user_erasures: { columns: each("user_id request_time of_user_id", internal) },
  user_erasure_services: { columns: each("user_id service done_time", internal) },
  // Hashes of names and addresses with failed sign-ins, for a day.
  throttles: { columns: { key: guarded, ...each("attempts blocked_until update_time", internal) } },
  // Names from the configuration.
  seeded_users: { columns: each("username", internal) },
  signing_keys: {
    columns: {
      ...each("id public_jwk", open),
      private_key: secret,
      ...each("sign_time create_time revoke_time", internal),
    },
  },
};
