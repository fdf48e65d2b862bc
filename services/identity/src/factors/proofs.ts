import { noteSecurity } from "@sagacart/chassis/auth/security-log";
import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import type { Clock } from "@sagacart/chassis/time/clock";
import type { KeyCipher } from "../keys/key-cipher.ts";
import { reasons } from "../reasons.ts";
import type { Throttle } from "../sessions/throttle.ts";
import type { Amr } from "./amr.ts";
import { factorSecret } from "./factor-secrets.ts";
import * as store from "./factor-store.ts";
import { findPasskey, usePasskey } from "./passkey-store.ts";
import { checkProof, type RelyingParty, readClaim } from "./passkeys.ts";
import { hashRecoveryCode, isRecoveryCode, plainCode } from "./recovery-codes.ts";
import { stepOfCode } from "./totp.ts";

/** A second factor that is given: a code of an app or a recovery code, or a browser's proof of a passkey as JSON. */
export type Proof = { readonly code: string; readonly passkey: string };

/** The ways that were proven, or why they were not: a wrong code, a wrong passkey, or nothing to confirm. */
export type Verdict = Amr | Failure;
export type Failure = "wrong" | "not proven" | "unknown";

/** Tells whether a challenge is open that a passkey's proof answers, and uses it up. */
export type IsExpected = (challenge: string) => boolean | Promise<boolean>;

/** Judges proofs. The user is locked, so that codes of one user are judged one after the other. */
export type Proofs = {
  /** Judges a code. With `unconfirmedId` it is of an app that is being enrolled. */
  judgeCode(tx: Transaction, userId: string, code: string, unconfirmedId?: string): Promise<Verdict>;
  judgePasskey(
    tx: Transaction,
    json: string,
    asked: { userId: string; isExpected: IsExpected; isAlone?: boolean },
  ): Promise<Verdict>;
  /** Judges whichever is given. `isExpected` is for the challenge of a passkey. */
  judgeProof(tx: Transaction, userId: string, proof: Proof, isExpected: IsExpected): Promise<Verdict>;
};

export type ProofsOptions = {
  readonly clock: Clock;
  readonly cipher: KeyCipher;
  readonly throttle: Throttle;
  readonly log: Log;
  /** Wrong codes for a user before pauses begin. */
  readonly freeAttempts: number;
  /** Whose passkeys these are. */
  readonly party: RelyingParty;
};

export function createProofs({ clock, cipher, throttle, log, party, freeAttempts }: ProofsOptions): Proofs {
  /**
   * Judges a code under a lock. A wrong one is counted in the same transaction, which therefore must commit: the verdict is
   * returned and not thrown. Recovery codes cannot be guessed and are not paused: somebody who knows the password and tries
   * codes does not keep the owner out.
   */
  async function judgeCode(tx: Transaction, userId: string, given: string, unconfirmedId?: string): Promise<Verdict> {
    const code = plainCode(given);
    noteSecurity({ factor: unconfirmedId === undefined && isRecoveryCode(code) ? "recovery_code" : "totp" });
    if (unconfirmedId === undefined && isRecoveryCode(code)) {
      return (await store.useRecoveryCode(tx, userId, hashRecoveryCode(code))) ? ["pwd", "mfa"] : "wrong";
    }
    const counted = [{ key: `second factor ${userId}`, free: freeAttempts }];
    await throttle.check(counted, tx);
    const totps = await store.findTotps(tx, userId, unconfirmedId);
    if (unconfirmedId !== undefined && totps.length === 0) {
      return "unknown";
    }
    if (!(await useTotp(tx, totps, code))) {
      await throttle.count(counted, tx);
      return "wrong";
    }
    await throttle.reset(counted, tx);
    return ["pwd", "otp", "mfa"];
  }

  async function useTotp(tx: Transaction, totps: readonly store.TotpRow[], code: string): Promise<boolean> {
    for (const { id, secret } of totps) {
      const step = stepOfCode(factorSecret(cipher, id, secret), code, clock.now());
      if (step !== undefined && (await store.useStep(tx, id, step))) {
        return true;
      }
    }
    return false;
  }

  /**
   * Judges the proof of a passkey under a lock. It cannot be guessed, so that wrong ones are not counted. `isExpected` tells
   * whether it answers a challenge that is open, and uses that up.
   */
  async function judgePasskey(
    tx: Transaction,
    json: string,
    { userId, isExpected, isAlone = false }: { userId: string; isExpected: IsExpected; isAlone?: boolean },
  ): Promise<Verdict> {
    noteSecurity({ factor: "passkey" });
    const claim = readClaim(json);
    if (claim === undefined || !(await isExpected(claim.challenge))) {
      return "not proven";
    }
    const passkey = await findPasskey(tx, claim.credentialId);
    if (passkey?.userId !== userId || (claim.userHandle !== "" && claim.userHandle !== userId)) {
      return "not proven";
    }
    const asked = { challenge: claim.challenge, requireUserVerification: isAlone };
    const counter = await checkProof(party, json, passkey, asked);
    if (counter === undefined) {
      return "not proven";
    }
    if (!(await usePasskey(tx, passkey.id, counter))) {
      log.warn(
        { userId, passkeyId: passkey.id },
        "refused a passkey whose counter did not grow: it may have been copied",
      );
      return "not proven";
    }
    return isAlone ? ["pop", "user", "mfa"] : ["pwd", "pop", "mfa"];
  }

  /** Judges what is given. `isExpected` is for the challenge of a passkey. */
  async function judgeProof(
    tx: Transaction,
    userId: string,
    { code, passkey }: Proof,
    isExpected: IsExpected,
  ): Promise<Verdict> {
    return passkey === "" ? await judgeCode(tx, userId, code) : await judgePasskey(tx, passkey, { userId, isExpected });
  }

  return { judgeCode, judgePasskey, judgeProof };
}

/** Returns what was made of a right proof. Throws for another one, once its count is committed. */
export function right<T extends object>(done: T | Failure, id = ""): T {
  switch (done) {
    case "unknown":
      throw factorNotFound(id);
    case "not proven":
      throw notProven();
    case "wrong":
      throw new DomainError(
        reasons,
        "BAD_SECOND_FACTOR",
        "the code is wrong, has expired or was used before; wait for the next one, or use a recovery code",
      );
    default:
      return done;
  }
}

export function factorNotFound(id: string): DomainError {
  return new DomainError(reasons, "FACTOR_NOT_FOUND", `there is no such second factor ${id}`, { factor_id: id });
}

export function notProven(): DomainError {
  const message = "the passkey is unknown, or its proof is wrong, of another page or too old; begin again";
  return new DomainError(reasons, "BAD_PASSKEY", message);
}
