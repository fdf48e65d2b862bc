import { Code, ConnectError } from "@connectrpc/connect";
import type { Language, Texts } from "../i18n/language.tsx";

/** An error that the page itself found. Its sentence is in the language that the page has when it is shown. */
export class PageError extends ConnectError {
  readonly #sentences: Texts<string>;

  /** By default it is about a value that a person typed. */
  constructor(sentences: Texts<string>, code = Code.InvalidArgument) {
    super(sentences.en, code);
    this.#sentences = sentences;
  }

  /** Returns an error with its sentence in a language, and all others as they are. */
  static in(language: Language, error: unknown): unknown {
    // Not by instanceof, which is true for everything that looks like a ConnectError.
    return typeof error === "object" && error !== null && #sentences in error
      ? new ConnectError(error.#sentences[language], error.code)
      : error;
  }
}
