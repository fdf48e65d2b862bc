import { createHash } from "node:crypto";
import {
  type AuthenticationResponseJSON,
  type AuthenticatorTransport,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import { decodeAttestationObject, decodeClientDataJSON, isoBase64URL } from "@simplewebauthn/server/helpers";

/** The shop as browsers know it: passkeys are of this domain, and work on these pages. */
export type RelyingParty = { readonly id: string; readonly name: string; readonly origins: readonly string[] };

/** A passkey as it is stored. */
export type Passkey = {
  readonly credentialId: Buffer;
  readonly publicKey: Buffer;
  readonly transports: readonly string[];
};

/** EdDSA, ES256 and RS256, which all authenticators have one of. Node can do more, experimentally. */
const algorithms = [-8, -7, -257] as const;

/** Describes the passkey that a browser shall make: the argument of `navigator.credentials.create` as JSON. */
export async function enrollmentOptions(
  party: RelyingParty,
  {
    user,
    challenge,
    known,
    timeoutMs,
  }: {
    user: { readonly id: string; readonly username: string };
    challenge: string;
    known: readonly Passkey[];
    timeoutMs: number;
  },
): Promise<string> {
  const options = await generateRegistrationOptions({
    rpName: party.name,
    rpID: party.id,
    userID: new TextEncoder().encode(user.id),
    userName: user.username,
    challenge: isoBase64URL.toBuffer(challenge),
    timeout: timeoutMs,
    // Who made an authenticator is not asked: all are as good.
    attestationType: "none",
    // A device that has a passkey of the user makes no second one.
    excludeCredentials: known.map(descriptorOf),
    authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
    supportedAlgorithmIDs: [...algorithms],
  });
  return JSON.stringify(options);
}

/** Asks a browser to prove a passkey: the argument of `navigator.credentials.get` as JSON. Without `known`, any of the shop's. */
export async function proofOptions(
  party: RelyingParty,
  options: {
    challenge: string;
    known?: readonly Passkey[];
    userVerification: "required" | "preferred";
    timeoutMs: number;
  },
): Promise<string> {
  const made = await generateAuthenticationOptions({
    rpID: party.id,
    challenge: isoBase64URL.toBuffer(options.challenge),
    timeout: options.timeoutMs,
    userVerification: options.userVerification,
    ...(options.known === undefined ? {} : { allowCredentials: options.known.map(descriptorOf) }),
  });
  return JSON.stringify(made);
}

/** What a browser says of a passkey before it is checked: which one it is, and the challenge that it answers. */
export type Claim = { readonly credentialId: Buffer; readonly challenge: string; readonly userHandle: string };

/** Reads a browser's answer, as its `toJSON` gives it. Undefined if it is malformed. */
export function readClaim(json: string): Claim | undefined {
  try {
    const { id, response } = JSON.parse(json) as RegistrationResponseJSON | AuthenticationResponseJSON;
    const { challenge } = decodeClientDataJSON(response.clientDataJSON);
    const handle = "userHandle" in response && typeof response.userHandle === "string" ? response.userHandle : "";
    const credentialId = Buffer.from(isoBase64URL.toBuffer(id));
    return { credentialId, challenge, userHandle: Buffer.from(handle, "base64url").toString() };
  } catch {
    return undefined;
  }
}

/** Checks a new passkey. Undefined if it is malformed, of another page, or answers another challenge. */
export async function checkEnrollment(
  party: RelyingParty,
  json: string,
  challenge: string,
): Promise<(Passkey & { readonly counter: number }) | undefined> {
  try {
    const response = JSON.parse(json) as RegistrationResponseJSON;
    const { fmt, attStmt } = readAttestation(response);
    // Certificates were not asked for. To check one, the library would fetch the addresses in it.
    if (fmt !== "none" && (fmt !== "packed" || attStmt)) {
      return undefined;
    }
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: [...algorithms],
    });
    if (!verified || registrationInfo === undefined) {
      return undefined;
    }
    const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
    const credentialId = Buffer.from(isoBase64URL.toBuffer(id));
    return { credentialId, publicKey: Buffer.from(publicKey), counter, transports };
  } catch {
    return undefined;
  }
}

function readAttestation({ response }: RegistrationResponseJSON) {
  const object = decodeAttestationObject(isoBase64URL.toBuffer(response.attestationObject));
  return { fmt: object.get("fmt"), attStmt: object.get("attStmt").get("x5c") !== undefined };
}

/**
 * Checks the proof of a passkey. Returns its counter; undefined if the proof is malformed, forged, of another page, or answers
 * another challenge.
 */
export async function checkProof(
  party: RelyingParty,
  json: string,
  passkey: Passkey,
  { challenge, requireUserVerification }: { challenge: string; requireUserVerification: boolean },
): Promise<number | undefined> {
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: JSON.parse(json) as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification,
      // The counter is compared where it is stored, under the lock that a concurrent proof waits for.
      credential: { ...descriptorOf(passkey), publicKey: new Uint8Array(passkey.publicKey), counter: 0 },
    });
    return verified ? authenticationInfo.newCounter : undefined;
  } catch {
    return undefined;
  }
}

function descriptorOf({ credentialId, transports }: Passkey) {
  return {
    id: credentialId.toString("base64url"),
    transports: transports.filter(isTransport),
  };
}

const transports: readonly string[] = ["ble", "hybrid", "internal", "nfc", "usb"];

function isTransport(name: string): name is AuthenticatorTransport {
  return transports.includes(name);
}

/** Derives the challenge of a sign-in from its secret, so that none is stored: it is as random, and used up with it. */
export function challengeOf(secret: string | Buffer): string {
  return createHash("sha256").update("passkey ").update(secret).digest("base64url");
}
