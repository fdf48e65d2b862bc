import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { KeyCipher } from "../keys/key-cipher.ts";
import { findFormerSecrets, replaceSecret } from "./factor-store.ts";

/** The encrypted secret of a factor, and the id of the key that encrypted it. */
export type EncryptedSecret = { readonly secret: Buffer; readonly secretKeyId: string };

export function encryptFactorSecret(cipher: KeyCipher, factorId: string, plain: Uint8Array): EncryptedSecret {
  return { secret: cipher.encrypt(plain, nameOf(factorId)), secretKeyId: cipher.keyId };
}

/** Decrypts the secret of a factor. Throws if KEY_ENCRYPTION_SECRET and those before are all others. */
export function factorSecret(cipher: KeyCipher, factorId: string, secret: Buffer): Buffer {
  const plain = cipher.decrypt(secret, nameOf(factorId));
  if (plain === undefined) {
    throw new Error(
      `the secret of the second factor ${factorId} cannot be decrypted: it was encrypted with another ` +
        "KEY_ENCRYPTION_SECRET. Add that secret to KEY_ENCRYPTION_SECRETS_BEFORE.",
    );
  }
  return plain;
}

const atOnce = 500;
const pauseMs = 600_000;

/**
 * Encrypts the secrets of factors again that a former KEY_ENCRYPTION_SECRET encrypted, so that it can be given up. It does so
 * at the start, and later for those that pods with the former one enroll meanwhile.
 */
export function renewFactorSecrets(parts: { pool: Pool; cipher: KeyCipher; log: Log }): AsyncDisposable {
  const { log } = parts;
  let after = "";
  let unreadable = 0;
  let told = 0;
  return startLoop({
    name: "renew-factor-secrets",
    log,
    async run() {
      const done = await renew(parts, after);
      after = done.last;
      unreadable += done.unreadable;
      if (done.renewed > 0) {
        log.info({ renewed: done.renewed }, "encrypted secrets of second factors with the new KEY_ENCRYPTION_SECRET");
      }
      if (after !== "") {
        return "again";
      }
      if (unreadable > 0 && unreadable !== told) {
        log.error(
          { factors: unreadable },
          "second factors cannot be used: another KEY_ENCRYPTION_SECRET encrypted them",
        );
      }
      told = unreadable;
      unreadable = 0;
      return { waitMs: pauseMs };
    },
  });
}

/** Encrypts the next ones. Those that cannot be decrypted stay as they are. */
async function renew({ pool, cipher }: { pool: Pool; cipher: KeyCipher }, after: string) {
  const rows = await findFormerSecrets(pool, { keyId: cipher.keyId, after, limit: atOnce });
  let renewed = 0;
  let unreadable = 0;
  for (const { id, secret } of rows) {
    const plain = cipher.decrypt(secret, nameOf(id));
    if (plain === undefined) {
      unreadable++;
    } else if (await replaceSecret(pool, id, secret, encryptFactorSecret(cipher, id, plain))) {
      renewed++;
    }
  }
  return { renewed, unreadable, last: rows.length < atOnce ? "" : (rows.at(-1)?.id ?? "") };
}

/** Associated data of the encryption: a secret that is moved to another row cannot be decrypted. */
function nameOf(factorId: string): string {
  return `factor ${factorId}`;
}
