import { create, type DescField, type DescMessage, type DescService, getOption, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { mostViolations } from "@sagacart/chassis/error-bounds";
import { longListOf, mostItemsOf } from "@sagacart/chassis/rpc/long-list";
import { jsonViolations } from "@sagacart/chassis/rpc/strict-json";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { expect, test } from "vitest";
import { isPublic } from "../passthrough/connect.ts";
import { publicServices } from "../services.ts";
import { startStandIn, startTestGateway } from "../testing/gateway.ts";

const services: readonly DescService[] = [...publicServices.keys(), SagaService, CommandService, PersonalDataService];

/** Finds the lists and maps of a message, however deep, apart from those of Google's own types. */
function listsOf(message: DescMessage, seen: Set<DescMessage>): DescField[] {
  if (seen.has(message) || message.typeName.startsWith("google.protobuf.")) {
    return [];
  }
  seen.add(message);
  return message.fields.flatMap((field) => [
    ...(field.fieldKind === "list" || field.fieldKind === "map" ? [field] : []),
    ...(field.message === undefined ? [] : listsOf(field.message, seen)),
  ]);
}

test("every list and map of every request says how many it may have", () => {
  const seen = new Set<DescMessage>();
  const lists = services.flatMap(({ methods }) => methods.flatMap(({ input }) => listsOf(input, seen)));
  const unbounded = lists.filter((field) => {
    const { type } = getOption(field, rulesOf);
    const most = type.case === "repeated" ? type.value.maxItems : type.case === "map" ? type.value.maxPairs : 0n;
    return most === 0n;
  });

  expect(unbounded.map(String)).toEqual([]);
  expect(lists.length).toBeGreaterThan(20);
});

const request = GuestCartService.method.createGuestCart.input;

test("a list that is longer than the contract allows is not looked into", () => {
  const violations = jsonViolations(request, { lines: Array.from({ length: 5_000 }, () => 1) });
  expect(violations).toEqual([
    {
      field: "lines",
      rule: "repeated.max_items",
      message: expect.stringMatching(/^must have at most \d+ items, not 5000$/),
    },
  ]);
});

test("the search for violations ends at the most that are named", () => {
  const names = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`field${index}`, 1]));
  expect(jsonViolations(request, names)).toHaveLength(mostViolations);
});

/** The lists of messages at the top of a request, which cost most. */
const messageLists = [...publicServices.keys()].flatMap(({ methods }) =>
  methods
    .filter(isPublic)
    .flatMap((method) =>
      method.input.fields.flatMap((field) =>
        field.fieldKind === "list" && field.listKind === "message" ? [{ method, field }] : [],
      ),
    ),
);

test.each(messageLists.map((each) => [`${each.method.name}.${each.field.name}`, each] as const))(
  "%s in binary format is refused by the gateway if it is too long, and found however deep it is",
  async (_, { method, field }) => {
    const request = reflect(method.input, create(method.input));
    const list = request.get(field);
    for (let n = 0; n <= mostItemsOf(field); n++) {
      list.add(reflect(field.message, create(field.message)));
    }
    expect(longListOf(method.input, request.message)).toEqual({
      field: field.name,
      rule: "repeated.max_items",
      message: `must have at most ${mostItemsOf(field)} items, not ${mostItemsOf(field) + 1}`,
    });

    await using standIn = await startStandIn();
    await using gateway = await startTestGateway(standIn.address);
    const answer = await fetch(`${gateway.url}/${method.parent.typeName}/${method.name}`, {
      method: "POST",
      body: toBinary(method.input, request.message),
      headers: { "content-type": "application/proto" },
    });
    expect(await answer.json()).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining(field.name),
    });
    expect(standIn.asked).toEqual([]);
  },
);

test("there are such lists", () => {
  expect(messageLists.length).toBeGreaterThan(3);
});
