import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_sagacart_stock_v1_product_service } from "@sagacart/proto/stock/v1/product_service";
import { expect, test } from "vitest";
import { slim } from "./slim-descriptors.ts";

test("a slim descriptor has all messages, fields and methods, and what a browser reads of their options", () => {
  const whole = create(FileDescriptorProtoSchema, file_sagacart_stock_v1_product_service.proto);
  const encoded = Buffer.from(toBinary(FileDescriptorProtoSchema, whole)).toString("base64");

  const slimmed = fromBinary(FileDescriptorProtoSchema, Buffer.from(slim(encoded), "base64"));

  expect(slim(encoded).length).toBeLessThan(encoded.length * 0.75);
  expect(slimmed.messageType.map(({ name, field }) => [name, field.map((each) => each.name)])).toEqual(
    whole.messageType.map(({ name, field }) => [name, field.map((each) => each.name)]),
  );
  const levels = (file: typeof whole) =>
    file.service.flatMap(({ method }) => method.map(({ name, options }) => [name, options?.idempotencyLevel]));
  expect(levels(slimmed)).toEqual(levels(whole));
});
