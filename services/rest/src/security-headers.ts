import type { FastifyHelmetOptions } from "@fastify/helmet";

/**
 * Headers of every answer that keep a browser from doing with it what it is not for. Answers are data, so nothing may
 * be loaded or framed by them; the few pages that there are say themselves what they need.
 */
export const securityHeaders: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], formAction: ["'none'"], baseUri: ["'none'"] },
  },
  referrerPolicy: { policy: "no-referrer" },
  xFrameOptions: { action: "deny" },
  // Which origins' pages may read an answer is CORS' to say.
  crossOriginResourcePolicy: { policy: "cross-origin" },
};
