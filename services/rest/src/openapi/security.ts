import type { Schema } from "./schema.ts";

/** How a caller authenticates, for OpenAPI documents. */
export const securitySchemes = {
  token: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "From POST /v1/sessions, or by OpenID Connect; a program's own from the issuer's token endpoint.",
  },
} as const satisfies Schema;
