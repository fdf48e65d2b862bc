import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Encrypts values that are stored in the database and must not be readable there. */
export type KeyCipher = {
  /** Tells which key encrypts, without revealing anything of it. */
  readonly keyId: string;
  /** Encrypts with `name` as associated data: moved to another row, the value cannot be decrypted. */
  encrypt(plain: Uint8Array, name: string): Buffer;
  /** Returns undefined if the value was encrypted with none of the secrets. */
  decrypt(encrypted: Uint8Array, name: string): Buffer | undefined;
};

/** The secret in use, and others that are valid while it is changed. */
export type Secrets = readonly [string, ...string[]];

/** Creates an AES-256-GCM cipher. The first secret encrypts; all of them decrypt. */
export function createKeyCipher(secrets: Secrets): KeyCipher {
  const keys = deriveKeys(secrets, "signing-keys");
  const [first] = keys;
  const [id] = deriveKeys(secrets, "signing-keys-id");
  return {
    keyId: id.subarray(0, 8).toString("hex"),
    encrypt(plain, name) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", first, nonce).setAAD(Buffer.from(name));
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    decrypt(encrypted, name) {
      for (const key of keys) {
        const decipher = createDecipheriv("aes-256-gcm", key, encrypted.subarray(0, 12), { authTagLength: 16 });
        decipher.setAAD(Buffer.from(name)).setAuthTag(encrypted.subarray(12, 28));
        const body = decipher.update(encrypted.subarray(28));
        try {
          return Buffer.concat([body, decipher.final()]);
        } catch {
          // The tag does not match: another secret encrypted it.
        }
      }
      return undefined;
    },
  };
}

/**
 * Derives a key for one purpose from each secret (HKDF, RFC 5869), so that no two purposes share one. The first is for what
 * is made now; what was made with any of them is valid.
 */
export function deriveKeys([first, ...others]: Secrets, purpose: string): readonly [Buffer, ...Buffer[]] {
  const derive = (secret: string) => Buffer.from(hkdfSync("sha256", secret, "sagacart-identity", purpose, 32));
  return [derive(first), ...others.map(derive)];
}
