import type { Attack } from "./attack.ts";
import { badSignIns } from "./attacks/bad-sign-ins.ts";
import { halfRequests } from "./attacks/half-requests.ts";
import { manyReads } from "./attacks/many-reads.ts";
import { manyWatches } from "./attacks/many-watches.ts";
import { rapidReset } from "./attacks/rapid-reset.ts";
import { slowReaders } from "./attacks/slow-readers.ts";
import { unknownRpcs } from "./attacks/unknown-rpcs.ts";
import { unreadStreams } from "./attacks/unread-streams.ts";
import { wrongBodies } from "./attacks/wrong-bodies.ts";

/**
 * The attacks by name, in the order in which they are run. A new one is a module in attacks/ and a line here, with the part
 * of the edge that it is about.
 */
export const attacks: Readonly<Record<string, Attack>> = {
  // Bodies.
  "wrong bodies": wrongBodies,
  "slow readers": slowReaders,
  "bad sign-ins": badSignIns,
  // Connections and HTTP/2.
  "unread streams": unreadStreams,
  "rapid reset": rapidReset,
  "half requests": halfRequests,
  // Requests at a time.
  "many watches": manyWatches,
  "many reads": manyReads,
  // Anonymous storage.
  // Inventory that is held and not paid.
  // Mail to strangers.
  // What is served to whom: metrics, pages, page tokens.
  // gRPC.
  "unknown RPCs": unknownRpcs,
};
