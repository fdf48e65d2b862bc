import { parseSync, Visitor } from "vite";

/** A text for people that stands in the code, in place of a catalogue. */
export type LiteralText = { readonly line: number; readonly text: string };

/** Attributes of elements, and properties of what is given to them, whose text is shown or read out. */
const shown = new Set([
  ...["alt", "aria-label", "aria-description", "aria-roledescription", "placeholder"],
  ...["detail", "description", "empty", "emptyPage", "explanation", "head", "label", "prefix", "summary", "title"],
]);

/**
 * Returns the texts in TypeScript that people would read in one language only: text between tags, in attributes and properties
 * that are shown, and any other text of two words or more.
 */
export function literalTexts(name: string, source: string): readonly LiteralText[] {
  const { program, errors } = parseSync(name, source);
  if (errors.length > 0) {
    throw new Error(`${name} cannot be parsed: ${errors.map(({ message }) => message).join("; ")}`);
  }
  const found = new Map<number, LiteralText>();
  const add = (start: number, text: string) =>
    found.set(start, { line: source.slice(0, start).split("\n").length, text: text.trim().replaceAll(/\s+/g, " ") });
  /** Adds the texts that an expression can come to. */
  const addShown = (value: unknown) => {
    for (const { start, text } of textsIn(value)) {
      if (/\p{L}/u.test(text)) {
        add(start, text);
      }
    }
  };
  new Visitor({
    JSXText: ({ value, start }) => addShown({ type: "Literal", value, start }),
    JSXAttribute: ({ name: attribute, value }) => {
      if (attribute.type === "JSXIdentifier" && shown.has(attribute.name)) {
        addShown(value);
      }
    },
    JSXElement: ({ children }) => addShown(children.filter(({ type }) => type === "JSXExpressionContainer")),
    JSXFragment: ({ children }) => addShown(children.filter(({ type }) => type === "JSXExpressionContainer")),
    Property: ({ key, value }) => {
      if (key.type === "Identifier" && shown.has(key.name)) {
        addShown(value);
      }
    },
    Literal: ({ value, start }) => {
      if (typeof value === "string" && twoWords.test(value)) {
        add(start, value);
      }
    },
    TemplateElement: ({ value, start }) => {
      if (twoWords.test(value.raw)) {
        add(start, value.raw);
      }
    },
  }).visit(program);
  return [...found.values()].toSorted((a, b) => a.line - b.line);
}

const twoWords = /\p{L}{2,},? \p{L}{2,}/u;

/** Returns the texts that an expression itself can be: not those that it only compares with, or calls something with. */
function textsIn(value: unknown): readonly { readonly start: number; readonly text: string }[] {
  if (Array.isArray(value)) {
    return value.flatMap(textsIn);
  }
  const node: Readonly<Record<string, unknown>> = { ...(typeof value === "object" ? value : {}) };
  switch (node.type) {
    case "Literal":
      return typeof node.value === "string" ? [{ start: Number(node.start), text: node.value }] : [];
    case "TemplateLiteral":
      return [...textsIn(node.quasis), ...textsIn(node.expressions)];
    case "TemplateElement":
      return textsIn({ type: "Literal", start: node.start, value: Object(node.value).raw });
    case "ConditionalExpression":
      return textsIn([node.consequent, node.alternate]);
    case "LogicalExpression":
    case "BinaryExpression":
      return node.operator === "+" || node.type === "LogicalExpression" ? textsIn([node.left, node.right]) : [];
    case "JSXExpressionContainer":
    case "ParenthesizedExpression":
    case "TSAsExpression":
    case "TSSatisfiesExpression":
      return textsIn(node.expression);
    default:
      return [];
  }
}
