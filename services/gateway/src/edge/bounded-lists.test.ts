import { type DescField, type DescMessage, type DescService, getOption } from "@bufbuild/protobuf";
import { field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { mostViolations } from "@sagacart/chassis/error-bounds";
import { jsonViolations } from "@sagacart/chassis/rpc/strict-json";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { expect, test } from "vitest";
import { publicServices } from "../services.ts";

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
