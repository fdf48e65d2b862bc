import { ConfigError } from "@sagacart/chassis/process/config";
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("without any variables, it is port 8087 on loopback, and the shop's money is USD", () => {
  expect(readConfig({ AUTH: "off" })).toMatchObject({
    HOST: "127.0.0.1",
    PORT: 8087,
    ADMIN_PORT: 9087,
    ORDER_ADDRESS: "127.0.0.1:8081",
    SHOP_CURRENCY: "USD",
    SHOP_PAYMENT_METHOD: "pm_ok",
  });
});

test.each([
  ["SHOP_CURRENCY", "dollars"],
  ["SHOP_CURRENCY", "ZZZ"],
  ["SHOP_CURRENCY", "BGN"],
  ["SHOP_CURRENCY", "XTS"],
  ["SHOP_PAYMENT_METHOD", "x".repeat(101)],
])("%s=%s is refused by its name", (name, value) => {
  const read = () => readConfig({ AUTH: "off", [name]: value });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(name);
});
