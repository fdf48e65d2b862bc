import { create, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { field as rulesOption } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { createContractValidator } from "@sagacart/chassis/rpc/contract-validator";
import { describe, expect, test } from "vitest";
import { publicServices } from "../services.ts";

const validator = createContractValidator();
const fields = textFields();
// A name with a pattern is an id: a consumer's.
const named = (...names: string[]) =>
  fields.filter(({ field }) => names.includes(field.name) && !hasPattern(field)).map(({ path }) => path);

// A filter is compared with what is stored.
const isFilter = (path: string) => path.startsWith("ListUsersRequest.");

const addresses = named("recipient", "line1", "line2", "city", "region", "phone");
const titles = named("title", "name");
const emails = named("email", "contact_email").filter((path) => !isFilter(path));

test("the contract has the fields that these tests are about", () => {
  expect(addresses.toSorted()).toEqual([
    "Address.city",
    "Address.line1",
    "Address.line2",
    "Address.phone",
    "Address.recipient",
    "Address.region",
    "RegisterByForeignRulesRequest.phone",
    "RegisterRequest.phone",
    "User.phone",
  ]);
  expect(titles).toEqual(
    expect.arrayContaining([
      "Product.title",
      "CreateCartRequest.name",
      "UpdateCartRequest.name",
      "PutContactRequest.name",
    ]),
  );
  expect(emails).toEqual(
    expect.arrayContaining([
      "CheckoutGuestCartRequest.contact_email",
      "CheckoutRequest.contact_email",
      "PutContactRequest.email",
      "RegisterRequest.email",
      "RequestPasswordResetRequest.email",
      "User.email",
    ]),
  );
});

describe.each([...addresses, ...titles])("%s", (path) => {
  test.each([
    ["a NUL byte", "a\0b"],
    ["a line break", "a\nb"],
    ["a carriage return", "Ada\r\nBcc: x"],
    ["a tab", "a\tb"],
    ["an escape", "a\u001b[31mb"],
    ["a control character of the second block", "a\u0085b"],
    ["a line separator", "a\u2028b"],
    ["a paragraph separator", "a\u2029b"],
    ["a zero-width space", "a\u200bb"],
    ["a zero-width joiner between letters", "a\u200db"],
    ["a zero-width non-joiner at the end", "ab\u200c"],
    ["a word joiner", "a\u2060b"],
    ["a byte order mark", "\ufeffab"],
    ["a soft hyphen", "a\u00adb"],
    ["a right-to-left override", "a\u202eb"],
    ["a right-to-left isolate", "a\u2067b\u2069"],
    ["a right-to-left mark", "a\u200fb"],
    ["an Arabic letter mark", "a\u061cb"],
    ["a hidden tag", "a\u{e0041}b"],
    ["spaces only", "   "],
    ["a wide space only", "\u3000"],
    ["a blank Braille pattern only", "\u2800"],
    ["a Hangul filler only", "\u3164"],
    ["combining marks only", "\u0301\u0301"],
  ])("refuses %s", (_, text) => {
    expect(refusals(path, text)).toHaveLength(1);
  });

  test.each(["Ada", "O'Brien & Söhne, 3rd floor", "東京都", "Ελένη", "ירושלים", "محمد", "Łódź", "e\u0301", "№ 5"])(
    "accepts %j",
    (text) => {
      expect(refusals(path, text)).toEqual([]);
    },
  );
});

describe.each(titles)("%s", (path) => {
  test.each([
    ["an emoji", "Mug 🎉"],
    ["an emoji with a skin tone", "👍🏽"],
    ["a family, which has joiners", "👨‍👩‍👧‍👦 mug"],
    ["a heart on fire", "❤️‍🔥"],
    ["the flag of Scotland, which has tags", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"],
    ["Persian, which has non-joiners", "می‌خواهم"],
    ["Hindi, which has joiners", "क्‍ष"],
  ])("accepts %s", (_, text) => {
    expect(refusals(path, text)).toEqual([]);
  });
});

const local = "a".repeat(64);
const label = "b".repeat(63);
describe.each(emails)("%s", (path) => {
  test.each([
    "ada@example.com",
    "a@b.co",
    "o'brien+tag@mail.example.co.uk",
    "first.last@xn--mnchen-3ya.de",
    "1@2.example",
    "!#$%&'*+/=?^_`{|}~-@example.com",
    `${local}@example.com`,
    `a@${label}.com`,
  ])("accepts %s", (email) => {
    expect(refusals(path, email)).toEqual([]);
  });

  test.each([
    "ada",
    "@example.com",
    "ada@",
    "ada@@example.com",
    "ada@localhost",
    "a..b@example.com",
    ".ada@example.com",
    "ada.@example.com",
    `${local}a@example.com`,
    `ada@${label}b.com`,
    "ada@-example.com",
    "ada@example-.com",
    "ada@example..com",
    "ada@.example.com",
    "ada@example.com.",
    "ada@127.0.0.1",
    "ada@[127.0.0.1]",
    "ada@exam_ple.com",
    '"ada lovelace"@example.com',
    "Ada <ada@example.com>",
    "ada@example.com, eve@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    " ada@example.com",
    "ada@example.com ",
    "ada lovelace@example.com",
    "adä@example.com",
    "ada@exämple.com",
    "ada@example.com\n",
    `ada@${"b.".repeat(130)}com`,
  ])("refuses %j", (email) => {
    expect(refusals(path, email).length).toBeGreaterThan(0);
  });
});

test("no required text may be blank, except those that are only looked up", () => {
  const accepting = fields.filter(({ field, path }) => isRequired(field) && refusals(path, "   ").length === 0);
  expect(new Set(accepting.map(({ path }) => path))).toEqual(
    new Set([
      "ReceiveWebhookRequest.provider",
      "GetTemplateRequest.event_type",
      "UpdateTemplateRequest.event_type",
      "PreviewTemplateRequest.event_type",
      "PreferenceChange.event_type",
      "GetUnsubscriptionRequest.token",
      "UnsubscribeRequest.token",
      "SignInRequest.username",
      "SignInRequest.password",
      "ConfirmPasswordRequest.password",
      "ChangePasswordRequest.current_password",
    ]),
  );
});

type TextField = { readonly path: string; readonly field: DescField };

/** Returns the fields with a text, or several, in all messages that a request may hold. */
function textFields(): TextField[] {
  const seen = new Set<DescMessage>();
  const visit = (message: DescMessage): TextField[] => {
    if (seen.has(message) || message.typeName.startsWith("google.")) {
      return [];
    }
    seen.add(message);
    return message.fields.flatMap((field) => {
      const nested = field.fieldKind === "message" || field.fieldKind === "list" ? field.message : undefined;
      const isText = field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
      return [
        ...(isText ? [{ path: `${message.name}.${field.name}`, field }] : []),
        ...(nested === undefined ? [] : visit(nested)),
      ];
    });
  };
  return [...publicServices.keys()].flatMap(({ methods }) => methods.flatMap(({ input }) => visit(input)));
}

/** Returns the rules that a text in a field breaks. */
function refusals(path: string, text: string): string[] {
  const { field } = fields.find((each) => each.path === path)!;
  const message = create(field.parent);
  const scalar = reflect(field.parent, message);
  scalar.set(field, text);
  const { violations = [] } = validator.validate(field.parent, message);
  return violations.filter(({ field: [first] }) => first === field).map(({ ruleId }) => ruleId);
}

function hasPattern(field: DescField): boolean {
  const { type } = getOption(field, rulesOption);
  return type.case === "string" && type.value.pattern !== "";
}

function isRequired(field: DescField): boolean {
  const { type } = getOption(field, rulesOption);
  return type.case === "string" && type.value.minLen > 0n;
}
