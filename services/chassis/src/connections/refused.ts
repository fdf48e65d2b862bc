import type { SecurityLog } from "../auth/security-log.ts";

/**
 * Called for each connection, or request on it, that a server ends since its peer does more than one may do, or what is not
 * HTTP. The reason is `TOO_MANY_CONNECTIONS`, `REQUEST_TIMEOUT`, `ANSWER_NOT_READ`, or one that tells what was wrong.
 */
export type OnRefused = (reason: string, address: string | undefined) => void;

/** The event of a connection that was refused or cut off. */
export const connectionRefused = "connection.refused";

/** Records refused connections in the security log. */
export function recordConnections(security: SecurityLog | undefined): OnRefused {
  return (reason, address) => {
    security?.record({ event: connectionRefused, outcome: "refused", reason, address, repeats: true });
  };
}
