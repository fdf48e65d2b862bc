import { once } from "node:events";
import { PassThrough, type Writable } from "node:stream";
import { type Client, createClient } from "@connectrpc/connect";
import { bearerToken, type Verifier } from "@sagacart/chassis/auth/verify";
import { type ExportPersonalDataResponse, PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { callerLeft } from "@sagacart/rest/caller-left";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { cachingOf } from "../edge/caching.ts";
import { personalDataAt, type Services } from "../services.ts";
import { bind } from "../v1/bindings.ts";
import { routerPath } from "../v1/router-path.ts";

/** The export of a customer's data. It is served from all services, unlike other methods. */
export const exportBinding = bind(PersonalDataService.method.exportPersonalData, {
  verb: "GET",
  template: "/v1/users/{customer_id}:export",
  body: "",
});

/**
 * Serves all that the services keep of a customer as one JSON object: a list of records for each section. It is written as
 * the pages come in, as fast as the caller reads, so it takes the memory of a page from each service.
 */
export function serveExport(app: FastifyInstance, services: Services, verifier: Verifier | undefined): void {
  const clients = personalDataAt.map((name) =>
    createClient(PersonalDataService, services.transportTo(PersonalDataService, name)),
  );
  const parameters = exportBinding.path.map(({ parameter }) => parameter);
  const [parameter = ""] = parameters;
  app.get<{ Params: Record<string, string> }>(
    routerPath(exportBinding.template, parameters),
    { config: { caching: cachingOf(exportBinding.method) } },
    async (request, reply) => {
      const customerId = await resolveId(request, request.params[parameter] ?? "", verifier);
      const signal = callerLeft(reply);
      // The first pages come before the answer begins: an error in their place can still be answered as a problem.
      const parts = await Promise.all(
        clients.map(async (client) => ({
          client,
          first: await readPage({ client, customerId, pageToken: "", signal }),
        })),
      );
      const body = new PassThrough();
      // Not a generator: the calls for further pages need the context of this request, which has the caller's token.
      write(body, { customerId, parts, signal }).then(
        () => body.end(),
        (error) => body.destroy(error),
      );
      return reply
        .headers({
          "content-type": "application/json; charset=utf-8",
          "cache-control": "no-store",
          "content-disposition": 'attachment; filename="personal-data.json"',
        })
        .send(body);
    },
  );
}

type Part = { readonly client: Client<typeof PersonalDataService>; readonly first: ExportPersonalDataResponse };
type Export = { readonly customerId: string; readonly parts: readonly Part[]; readonly signal: AbortSignal };

async function write(body: Writable, { customerId, parts, signal }: Export): Promise<void> {
  const head = { customerId, exportTime: new Date().toISOString() };
  await writeText(body, JSON.stringify(head).slice(0, -1), signal);
  let open: string | undefined;
  for (const { client, first } of parts) {
    let page = first;
    for (;;) {
      let text = "";
      for (const { section, data } of page.records) {
        const close = open === undefined ? "" : "]";
        text += section === open ? `,${data}` : `${close},${JSON.stringify(section)}:[${data}`;
        open = section;
      }
      await writeText(body, text, signal);
      const { nextPageToken: pageToken } = page;
      if (pageToken === "") {
        break;
      }
      page = await readPage({ client, customerId, pageToken, signal });
    }
  }
  await writeText(body, open === undefined ? "}" : "]}", signal);
}

async function readPage({
  client,
  customerId,
  pageToken,
  signal,
}: {
  client: Client<typeof PersonalDataService>;
  customerId: string;
  pageToken: string;
  signal: AbortSignal;
}): Promise<ExportPersonalDataResponse> {
  return await client.exportPersonalData({ customerId, pageToken }, { signal });
}

/** Writes, and waits while the caller reads more slowly than this writes. Rejects once the caller has left. */
async function writeText(body: Writable, text: string, signal: AbortSignal): Promise<void> {
  if (!body.write(text)) {
    await once(body, "drain", { signal });
  }
}

/** Replaces `me` with the caller's id. Without verified tokens it stays, and names nobody. */
async function resolveId({ headers }: FastifyRequest, id: string, verifier: Verifier | undefined): Promise<string> {
  const token = id === "me" ? bearerToken(headers.authorization) : undefined;
  const principal = token === undefined ? undefined : await verifier?.verify(token);
  return principal?.customerId ?? id;
}

/** Documents the answer, which is not that of the method, and leaves out the parameters of pages. */
export function documentExport(operation: Schema): Schema {
  const { parameters, responses } = operation;
  const record = { type: "object", additionalProperties: true };
  return {
    ...operation,
    parameters: Array.isArray(parameters) ? parameters.filter((parameter) => parameter.in === "path") : [],
    responses: {
      ...(typeof responses === "object" ? responses : {}),
      "200": {
        description: "All that is kept, by section: profile, addresses, carts, orders, payments, shipments and others.",
        content: {
          "application/json": {
            schema: {
              type: "object",
              required: ["customerId", "exportTime"],
              properties: {
                customerId: { type: "string" },
                exportTime: { type: "string", format: "date-time" },
              },
              additionalProperties: { type: "array", items: record },
            },
          },
        },
      },
    },
  };
}
