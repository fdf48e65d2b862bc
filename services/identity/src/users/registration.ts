import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { networkOf } from "@sagacart/chassis/client/network";
import { callContext } from "@sagacart/chassis/context";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import {
  type RegisterByForeignRulesRequest,
  type RegisterRequest,
  RegisterRequestSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import type { PasswordRules } from "../sessions/password-rules.ts";
import type { Passwords } from "../sessions/passwords.ts";
import type { Throttle } from "../sessions/throttle.ts";
import type { EmailChange } from "./email-change.ts";
import { withSalt } from "./registration-salt.ts";
import { type Role, type User, userNotFound } from "./user.ts";
import { appendUserEvents } from "./user-events.ts";
import { findUser, insertUser, refuseTakenEmail } from "./user-store.ts";

export type RegistrationOptions = {
  readonly pool: Pool;
  readonly passwords: Passwords;
  readonly rules: PasswordRules;
  readonly emailChange: EmailChange;
  readonly throttle: Throttle;
  /** Derive the salts of registrations from their request ids; see withSalt. */
  readonly saltKeys: readonly [Buffer, ...Buffer[]];
  /** Registrations from one network within an hour before pauses begin. */
  readonly registrationsFree: number;
  /** Called when events of users were committed. */
  onEvents(): void;
};

/** Registers users, for RPCs and for the page alike. */
export type Registration = {
  /**
   * Registers somebody, and mails the link that confirms the address; `isRepeated` if an earlier request with this id has done so
   * already. Throws as the RPC Register does.
   */
  register(request: RegisterRequest): Promise<Registered>;
  /** Registers by the rules of other systems. Throws EMAIL_TAKEN, too. */
  registerByForeignRules(request: RegisterByForeignRulesRequest): Promise<User>;
};

type Registered = { readonly user: User; readonly isRepeated: boolean };

export function createRegistration(options: RegistrationOptions): Registration {
  const { pool, passwords, rules, emailChange, throttle, saltKeys, registrationsFree, onEvents } = options;

  /** Counts the registrations of a network for all processes: each stores a user, and mails somebody. */
  async function countRegistration(): Promise<void> {
    const address = callContext()?.clientAddress;
    const counted =
      address === undefined ? [] : [{ key: `register from ${networkOf(address)}`, free: registrationsFree }];
    await throttle.check(counted);
    await throttle.count(counted);
  }

  async function register(
    request: RegisterRequest,
    { refuseKnownEmail }: { refuseKnownEmail: boolean },
  ): Promise<Registered> {
    const { username, email, password, phone, requestId } = request;
    const hasOperatorPassword = rules.isForOperators(password);
    const { resourceId, replayed } = await withSalt(saltKeys, requestId, async (salt) => {
      // Hash before the transaction, which holds a connection.
      const passwordHash = await passwords.hash(password, salt);
      const fingerprint = registrationFingerprint(request, passwordHash);
      const keyed = { scope: "register", requestId, method: "Register", fingerprint };
      return await once(pool, keyed, async (tx) => {
        const id = uuidv7();
        if (refuseKnownEmail) {
          await refuseTakenEmail(tx, email);
        }
        const roles: Role[] = ["customer"];
        await insertUser(tx, { id, username, email, phone, roles, passwordHash, hasOperatorPassword });
        const user = { id, email, isEmailVerified: false };
        await appendUserEvents(tx, [{ type: "sagacart.user.created.v1", user }]);
        return id;
      });
    });
    onEvents();
    const user = await findUser(pool, resourceId);
    if (user === undefined) {
      throw userNotFound(resourceId);
    }
    if (!replayed) {
      await emailChange.askToConfirm(user, user.email);
    }
    return { user, isRepeated: replayed };
  }

  return {
    async register(request) {
      await countRegistration();
      await rules.refuseWeak(request.password, { ...request, roles: ["customer"] });
      return await register(request, { refuseKnownEmail: false });
    },
    async registerByForeignRules({ $typeName: _, ...request }) {
      await countRegistration();
      return (await register(create(RegisterRequestSchema, request), { refuseKnownEmail: true })).user;
    },
  };
}

/**
 * Hashes the content of a registration. The password is in it by its slow hash: the fingerprint is stored, and of a fast
 * hash a password can be guessed.
 */
function registrationFingerprint(request: RegisterRequest, passwordHash: string): Uint8Array {
  const rest = fingerprintOf(RegisterRequestSchema, request, { without: ["request_id", "password"] });
  return createHash("sha256").update(rest).update(passwordHash).digest();
}
