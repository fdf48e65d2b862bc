import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isoCBOR } from "@simplewebauthn/server/helpers";

/** What an authenticator does otherwise than it should, and where its browser is. */
export type Behaviour = {
  /** The page that the browser is on. */
  readonly origin: string;
  /** The domain that it believes to be on. By default the one in the options. */
  readonly rpId?: string;
  /** False if it does not verify its user, as a security key without a PIN. */
  readonly verifiesUser?: boolean;
  /** False if nobody touches it. */
  readonly isTouched?: boolean;
  /** The counter of the next proof; 0 stays 0. */
  readonly counter?: number;
  readonly challenge?: string;
  /** `webauthn.get` or `webauthn.create`. */
  readonly type?: string;
  /** Signs with another key. */
  readonly forges?: boolean;
  /** The id of a new passkey, in base64url; by default a random one. */
  readonly credentialId?: string;
  /** The attestation of a new passkey. */
  readonly attestation?: { readonly fmt: string; readonly x5c?: readonly Uint8Array[] };
};

type Key = ReturnType<typeof newKey>;

/** An authenticator in software: it makes P-256 keys and proves them, as browsers do for `navigator.credentials`. */
export function createAuthenticator(ordinary: Behaviour) {
  const keys = new Map<string, Key & { readonly userHandle: string }>();
  let proofs = ordinary.counter ?? 1;

  function collect(options: { challenge: string }, type: string, behaviour: Behaviour): Buffer {
    const { origin, challenge = options.challenge } = behaviour;
    return Buffer.from(JSON.stringify({ type: behaviour.type ?? type, challenge, origin, crossOrigin: false }));
  }

  function dataOf(rpId: string, behaviour: Behaviour, attested: Uint8Array = new Uint8Array()): Buffer {
    const { isTouched = true, verifiesUser = true, counter = proofs } = behaviour;
    const flags = (isTouched ? 0x01 : 0) | (verifiesUser ? 0x04 : 0) | (attested.length > 0 ? 0x40 : 0);
    proofs = counter === 0 ? 0 : counter + 1;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    return Buffer.concat([hashOf(rpId), Buffer.from([flags]), count, attested]);
  }

  return {
    /** Answers the options of an enrollment, as JSON. */
    create(json: string, deviation: Partial<Behaviour> = {}): string {
      const behaviour = { ...ordinary, ...deviation };
      const options = JSON.parse(json);
      const key = newKey();
      const id =
        behaviour.credentialId === undefined ? randomBytes(16) : Buffer.from(behaviour.credentialId, "base64url");
      keys.set(id.toString("base64url"), { ...key, userHandle: options.user.id });
      const idLength = Buffer.alloc(2);
      idLength.writeUInt16BE(id.length);
      const attested = Buffer.concat([Buffer.alloc(16), idLength, id, isoCBOR.encode(key.cose)]);
      const authData = dataOf(behaviour.rpId ?? options.rp.id, behaviour, attested);
      const { fmt, x5c } = behaviour.attestation ?? { fmt: "none" };
      const clientData = collect(options, "webauthn.create", behaviour);
      const statement = new Map<string, unknown>();
      if (fmt === "packed") {
        statement.set("alg", -7);
        statement.set("sig", new Uint8Array(signed(key, authData, clientData)));
      }
      if (x5c !== undefined) {
        statement.set("x5c", x5c);
      }
      const object = new Map<string, unknown>([
        ["fmt", fmt],
        ["attStmt", statement],
        ["authData", new Uint8Array(authData)],
      ]);
      return credential(id.toString("base64url"), {
        clientDataJSON: clientData.toString("base64url"),
        attestationObject: Buffer.from(isoCBOR.encode(object as Parameters<typeof isoCBOR.encode>[0])).toString(
          "base64url",
        ),
        transports: ["internal"],
      });
    },

    /** Answers the options of a proof, as JSON, with the first passkey that they allow. */
    get(json: string, deviation: Partial<Behaviour> = {}): string {
      const behaviour = { ...ordinary, ...deviation };
      const options = JSON.parse(json);
      const allowed: { id: string }[] = options.allowCredentials ?? [...keys.keys()].map((id) => ({ id }));
      const found = allowed.find(({ id }) => keys.has(id)) ?? allowed[0];
      const key = keys.get(found?.id ?? "");
      if (found === undefined || key === undefined) {
        throw new Error("this authenticator has no passkey that is allowed");
      }
      const clientData = collect(options, "webauthn.get", behaviour);
      const authData = dataOf(behaviour.rpId ?? options.rpId, behaviour);
      return credential(found.id, {
        clientDataJSON: clientData.toString("base64url"),
        authenticatorData: authData.toString("base64url"),
        signature: signed(behaviour.forges === true ? newKey() : key, authData, clientData).toString("base64url"),
        userHandle: key.userHandle,
      });
    },
  };
}

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  // A COSE key: an elliptic curve, ES256, P-256, and the point.
  const cose = new Map<number, number | Uint8Array>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, new Uint8Array(Buffer.from(x, "base64url"))],
    [-3, new Uint8Array(Buffer.from(y, "base64url"))],
  ]);
  return { privateKey, cose };
}

function signed({ privateKey }: Key, authData: Buffer, clientData: Buffer): Buffer {
  return sign("sha256", Buffer.concat([authData, hashOf(clientData)]), privateKey);
}

function hashOf(data: string | Buffer): Buffer {
  return createHash("sha256").update(data).digest();
}

/** Makes what `PublicKeyCredential.toJSON` gives. */
function credential(id: string, response: object): string {
  return JSON.stringify({
    ...{ id, rawId: id, type: "public-key", authenticatorAttachment: "platform" },
    ...{ clientExtensionResults: {}, response },
  });
}
