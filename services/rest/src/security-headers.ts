import type { FastifyHelmetOptions } from "@fastify/helmet";

/**
 * Security headers of every answer. Answers are data, so they may load nothing and may not be framed; the few pages set
 * policies of their own.
 */
export const securityHeaders: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], formAction: ["'none'"], baseUri: ["'none'"] },
  },
  referrerPolicy: { policy: "no-referrer" },
  xFrameOptions: { action: "deny" },
  // CORS decides which origins may read an answer.
  crossOriginResourcePolicy: { policy: "cross-origin" },
};
