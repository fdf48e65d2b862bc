import { testAccess } from "@sagacart/chassis/testing/access-tests";
import { testStock } from "./testing/stock.ts";

// Products are for anyone to read; the rest is nothing of customers'.
testAccess(async () => {
  const stock = await testStock();
  return { ...stock, domain: "stock.sagacart", things: {}, lists: {}, ofCaller: [] };
});
