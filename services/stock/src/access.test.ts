import { testAccess } from "@sagacart/chassis/testing/access-tests";
import { testStock } from "./testing/stock.ts";

// Anyone may read products; customers may call nothing else.
testAccess(async () => {
  const stock = await testStock();
  return { ...stock, domain: "stock.sagacart", things: {}, lists: {}, ofCaller: [] };
});
