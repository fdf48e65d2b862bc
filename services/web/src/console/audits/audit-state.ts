import { type Audit, Audit_State } from "@sagacart/proto/order/v1/audit";
import type { Language } from "../../i18n/language.tsx";
import { showIn } from "../show.ts";
import type { Tone } from "../tone-badge.tsx";
import { auditTexts } from "./audit-texts.ts";

/** Returns how good or bad it is what an audit says. One that says nothing about the laws is bad, too. */
export function auditTone(state: Audit_State): Tone {
  switch (state) {
    case Audit_State.CLEAN:
      return "good";
    case Audit_State.RUNNING:
      return "neutral";
    default:
      return "bad";
  }
}

/** Returns an audit's state as words. */
export function auditWords({ state, laws }: Pick<Audit, "state" | "laws">, language: Language): string {
  const { verdicts } = auditTexts[language];
  switch (state) {
    case Audit_State.CLEAN:
      return verdicts.clean;
    case Audit_State.BREACHED: {
      const breaches = laws.reduce((sum, { breachCount }) => sum + breachCount, 0);
      return showIn(language).counted(verdicts.breached, breaches);
    }
    case Audit_State.RUNNING:
      return verdicts.running;
    case Audit_State.FAILED:
      return verdicts.failed;
    case Audit_State.DID_NOT_FINISH:
      return verdicts.didNotFinish;
    default:
      return verdicts.unknown;
  }
}

/** Returns true if the audit says something about the laws. */
export function hasVerdict({ state }: Pick<Audit, "state">): boolean {
  return state === Audit_State.CLEAN || state === Audit_State.BREACHED;
}

/** Returns the command that runs the audit of a cluster now; undefined for anything but `namespace/name`. */
export function auditCommand(cronJob: string | undefined): string | undefined {
  const [, namespace, name] = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(cronJob ?? "") ?? [];
  return name === undefined
    ? undefined
    : `kubectl -n ${namespace} create job --from=cronjob/${name} ${name}-by-hand-$(date +%s)`;
}
