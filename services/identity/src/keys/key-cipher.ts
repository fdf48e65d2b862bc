import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Encrypts what lies in the database and may not be read there. */
export type KeyCipher = {
  /** `name` is bound to it: moved to another row, it cannot be decrypted. */
  encrypt(plain: Uint8Array, name: string): Buffer;
  /** Undefined where none of the secrets is the one that it was encrypted with. */
  decrypt(encrypted: Uint8Array, name: string): Buffer | undefined;
};

/** AES-256-GCM with a key made from the first secret; those of before still decrypt. */
export function createKeyCipher(secrets: readonly [string, ...string[]]): KeyCipher {
  const keys = secrets.map((secret) => deriveKey(secret, "signing-keys"));
  const [first = Buffer.alloc(0)] = keys;
  return {
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
          // The tag does not fit: it was another secret.
        }
      }
      return undefined;
    },
  };
}

/** A key for one purpose, so that no two purposes share one. */
export function deriveKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "sagacart-identity", purpose, 32));
}
