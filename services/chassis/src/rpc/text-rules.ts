import { Text } from "@sagacart/proto/type/v1/text";

/** A rule of the contract for texts: how violations name it, what they say, and its check. */
export type TextRule = {
  readonly ruleId: string;
  readonly message: string;
  allows(text: string): boolean;
};

/** Returns the rule for a field with the option `(sagacart.type.v1.text)`; undefined without one. All allow "". */
export function textRuleOf(text: Text): TextRule | undefined {
  return rules[text];
}

const oneLine = "must be one line of visible text, without control, direction or invisible characters";

const rules: Readonly<Record<number, TextRule>> = {
  [Text.LINE]: {
    ruleId: "string.line",
    message: oneLine,
    allows: (text) => isPlain(text) || (!notInLine.some((pattern) => pattern.test(text)) && isEmptyOrVisible(text)),
  },
  [Text.PLAIN_LINE]: {
    ruleId: "string.plain_line",
    message: oneLine,
    allows: (text) => isPlain(text) || (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) && isEmptyOrVisible(text)),
  },
  [Text.NOT_BLANK]: {
    ruleId: "string.not_blank",
    message: "must not be blank",
    allows: isEmptyOrVisible,
  },
  [Text.MAILABLE]: {
    ruleId: "string.mailable",
    message: "must be an email address that mail can be sent to, such as ada@example.com",
    allows: (text) => text === "" || (text.length <= 254 && /^.{1,64}@/.test(text) && mailbox.test(text)),
  },
};

/** Returns true for most texts, which begin with a visible character of ASCII and have no others but spaces. */
function isPlain(text: string): boolean {
  return /^(?:[!-~][ -~]*)?$/.test(text);
}

function isEmptyOrVisible(text: string): boolean {
  return text === "" || /[^\p{Z}\p{Cc}\p{Cf}\p{M}\u115F\u1160\u2800\u3164\uFFA0]/u.test(text);
}

const notInLine = [
  // Control characters, line breaks, direction controls and invisible characters.
  /[\p{Cc}\p{Zl}\p{Zp}\u00AD\u061C\u180E\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0001}]/u,
  // Joiners where no script or emoji is written with them: before, and after.
  /(?:^|(?!\uFE0F)[^\u0600-\u109F\u1780-\u18AF\p{So}\p{Sk}])[\u200C\u200D]/u,
  /[\u200C\u200D](?:$|[^\u0600-\u109F\u1780-\u18AF\p{So}])/u,
  // Tags that are not part of a flag.
  /(?:^|[^\u{1F3F4}\u{E0020}-\u{E007F}])[\u{E0020}-\u{E007F}]/u,
];

/** A dot-atom of RFC 5322, and a domain name with a dot whose last label begins with a letter. */
const mailbox =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
