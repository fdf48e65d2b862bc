import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { create } from "@bufbuild/protobuf";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { checkRequest } from "@sagacart/chassis/rpc/check-request";
import { truncate } from "@sagacart/chassis/truncate";
import { RegisterRequestSchema } from "@sagacart/proto/identity/v1/identity_service";
import type { Passwords } from "../sessions/passwords.ts";
import type { SignIn } from "../sessions/sign-in.ts";
import type { EmailChange } from "../users/email-change.ts";
import type { Registration } from "../users/registration.ts";
import type { User } from "../users/user.ts";
import { findPassword, type UserWithPassword } from "../users/user-store.ts";
import { registeredPage, registerPage } from "./account-pages.ts";
import { readForm, redirect, send, sendRefusal } from "./html-forms.ts";
import type { OpenInteraction } from "./open-interaction.ts";
import type { FormError } from "./page.ts";
import { refusedFormPage } from "./pages.ts";
import { refusalOf } from "./refusals.ts";

export type RegisterFormOptions = {
  readonly pool: Pool;
  readonly signIn: SignIn;
  readonly registration: Registration;
  readonly passwords: Passwords;
  readonly emailChange: EmailChange;
  readonly minPasswordLength: number;
  readonly security?: SecurityLog | undefined;
};

type Given = RegisterFormOptions & {
  readonly interaction: OpenInteraction;
  /** Goes on as somebody who has just proven the password. */
  passedPassword(user: User): Promise<void>;
};

/** Returns true for the pages of a registration, below that of its sign-in. */
export function isRegistering(below: string): below is "register" | "registered" {
  return below === "register" || below === "registered";
}

/**
 * Handles the page that registers, at `/oidc/sign-in/<uid>/register`, by the rules and with the counts of the RPC. The sign-in
 * goes on as the new user; where an address has to be confirmed first, once it is.
 */
export async function registerForm(request: IncomingMessage, response: ServerResponse, given: Given): Promise<void> {
  const { interaction, registration, security } = given;
  const { path, step, isOwnForm } = interaction;
  // What is sent after a refusal is another registration: the id of the former one stays with its content.
  const show = (shown: { username: string; email: string; error: FormError | undefined }) =>
    registerPage({
      ...{ ...step, ...shown, formId: randomUUID() },
      ...{ minPasswordLength: given.minPasswordLength, signInPath: path },
    });
  if (request.method !== "POST") {
    return send(response, 200, show({ username: "", email: "", error: undefined }));
  }
  const body = await readForm(request, response, step.language);
  if (body === undefined) {
    return;
  }
  if (!isOwnForm(body)) {
    security?.record({ event: registered, outcome: "refused", reason: "FORM_REFUSED", repeats: true });
    return send(response, 403, refusedFormPage("foreign", step.language));
  }
  const formId = truncate(body.get("form_id") ?? "", 64);
  const asked = {
    username: (body.get("username") ?? "").trim(),
    email: (body.get("email") ?? "").trim(),
    // As it is: spaces are part of a password.
    password: body.get("password") ?? "",
    requestId: requestIdOf(interaction, formId),
  };
  let done: Awaited<ReturnType<Registration["register"]>>;
  try {
    const message = create(RegisterRequestSchema, asked);
    checkRequest(RegisterRequestSchema, message);
    done = await registration.register(message);
  } catch (error) {
    security?.record({ event: registered, object: { kind: "user", id: "" }, error });
    const refusal = refusalOf(error, step.language);
    const { username, email } = asked;
    const typed = { username: truncate(username, 254), email: truncate(email, 254) };
    return sendRefusal(response, refusal, show({ ...typed, error: refusal }));
  }
  const { user, isRepeated } = done;
  if (isRepeated) {
    // The form may be sent again long after: by then the password may be another one, for example by a reset.
    const current = await findPassword(given.pool, user.id);
    if (current === undefined || !(await given.passwords.verify(asked.password, current.passwordHash, noHooks))) {
      return redirect(response, path);
    }
  }
  security?.record({ event: registered, object: { kind: "user", id: user.id } });
  if (given.signIn.isAdmitted(user)) {
    return await given.passedPassword(user);
  }
  await remember(given, user);
  redirect(response, `${path}/registered`);
}

/**
 * Handles the page of a registration that waits for its address to be confirmed, at `/oidc/sign-in/<uid>/registered`: this browser
 * has proven the password by choosing it, and goes on once the address is.
 */
export async function registeredForm(request: IncomingMessage, response: ServerResponse, given: Given): Promise<void> {
  const { interaction, signIn, emailChange } = given;
  const { path, step, isOwnForm } = interaction;
  const user = await remembered(given);
  if (user === undefined) {
    return redirect(response, path);
  }
  const mustConfirm = !signIn.isAdmitted(user);
  const show = (wasMailedAgain: boolean, error: FormError | undefined) =>
    registeredPage({ ...step, ...user, mustConfirm, wasMailedAgain, error });
  if (request.method !== "POST") {
    return send(response, 200, show(false, undefined));
  }
  const body = await readForm(request, response, step.language);
  if (body === undefined) {
    return;
  }
  if (!isOwnForm(body)) {
    return send(response, 403, refusedFormPage("foreign", step.language));
  }
  if (body.get("do") === "mail" && mustConfirm) {
    await emailChange.askToConfirm(user, user.email);
    return send(response, 200, show(true, undefined));
  }
  if (!mustConfirm) {
    return await given.passedPassword(user);
  }
  const refusal = refusalOf(signIn.notVerified(), step.language);
  sendRefusal(response, refusal, show(false, refusal));
}

/** Nothing is counted: the registration is. */
const noHooks = { before: async () => undefined, afterWrong: async () => undefined };

/** The event of the RPC that does the same. */
const registered = "user.registered";

/**
 * Returns the request id of a form. Nobody can choose it, since it depends on the sign-in: it is no other registration's, whose
 * answer would sign in here without a second factor.
 */
function requestIdOf({ details }: OpenInteraction, formId: string): string {
  return `page-${createHash("sha256").update(`${details.jti} ${formId}`).digest("base64url")}`;
}

/** A registration as its sign-in keeps it. The password is there by a hash of its hash: another one ends it. */
type Remembered = { readonly userId: string; readonly proof: string };

async function remember({ interaction, pool }: Given, { id }: User): Promise<void> {
  const found = await findPassword(pool, id);
  if (found === undefined) {
    return;
  }
  const { details } = interaction;
  const kept: Remembered = { userId: id, proof: proofOf(found) };
  details.result = { registered: kept };
  await details.persist();
}

/** Returns the user who has registered in this sign-in; none if the password is another one by now, for example by a reset. */
async function remembered({ interaction, pool }: Given): Promise<User | undefined> {
  const { userId, proof } = registeredIn(interaction.details.result);
  const found = userId === "" ? undefined : await findPassword(pool, userId);
  return found !== undefined && proofOf(found) === proof ? found.user : undefined;
}

/** Reads what a sign-in has kept of a registration; empty texts if there was none. */
export function registeredIn(result: unknown): Remembered {
  const none = { userId: "", proof: "" };
  const kept = typeof result === "object" && result !== null && "registered" in result ? result.registered : none;
  return typeof kept === "object" && kept !== null ? { ...none, ...kept } : none;
}

function proofOf({ passwordHash }: UserWithPassword): string {
  return createHash("sha256").update(passwordHash).digest("base64url");
}
