import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

type PathField = { readonly fields: readonly DescField[] };

/** Where a method has the etag of the resource that its path names; read from the contract. */
export type Etags = {
  /** The fields that lead to it in the answer, for answers that are one resource. */
  readonly inAnswer: readonly DescField[] | undefined;
  /** The fields that lead to it in the request, for methods that change a resource with an etag. */
  readonly inRequest: readonly DescField[] | undefined;
};

/** Reads where the etags of a method are. */
export function etagsOf(
  method: { readonly input: DescMessage; readonly output: DescMessage },
  { isRead, path }: { isRead: boolean; path: readonly PathField[] },
): Etags {
  return { inAnswer: etagInAnswer(method.output), inRequest: isRead ? undefined : etagInRequest(method.input, path) };
}

/** `cart.etag`, if the answer has one resource with an etag. */
function etagInAnswer(output: DescMessage): readonly DescField[] | undefined {
  const found = output.fields.flatMap((field) => {
    const etag = field.fieldKind === "message" ? etagField(field.message, "etag") : undefined;
    return etag === undefined ? [] : [[field, etag]];
  });
  return found.length === 1 ? found[0] : undefined;
}

/** `product.etag` for `{product.id}`, `source_etag` for `{source_id}`, else `etag`. */
function etagInRequest(input: DescMessage, path: readonly PathField[]): readonly DescField[] | undefined {
  for (const { fields } of path.toReversed()) {
    const [outer, inner] = fields;
    const etag =
      inner === undefined
        ? etagField(input, outer?.name.replace(/(?<![a-z])id$/, "etag"))
        : etagField(outer?.fieldKind === "message" ? outer.message : undefined, "etag");
    if (etag !== undefined) {
      return inner === undefined || outer === undefined ? [etag] : [outer, etag];
    }
  }
  const etag = path.length === 0 ? undefined : etagField(input, "etag");
  return etag === undefined ? undefined : [etag];
}

function etagField(message: DescMessage | undefined, name = ""): DescField | undefined {
  const isEtag = /(?<![a-z])etag$/.test(name);
  return isEtag
    ? message?.fields.find((field) => field.name === name && field.scalar === ScalarType.STRING)
    : undefined;
}
