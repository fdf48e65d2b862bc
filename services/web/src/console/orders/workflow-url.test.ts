import { expect, test } from "vitest";
import { workflowUrl } from "./workflow-url.ts";

test.each([
  ["http://localhost:8233", "checkout-1", "http://localhost:8233/namespaces/default/workflows/checkout-1"],
  ["http://localhost:8233/", "checkout-1", "http://localhost:8233/namespaces/default/workflows/checkout-1"],
  ["https://t.example/ui/namespaces/shop", "w", "https://t.example/ui/namespaces/shop/workflows/w"],
  ["https://t.example/ui/namespaces/shop/", "w", "https://t.example/ui/namespaces/shop/workflows/w"],
  ["https://t.example", "a/b?c", "https://t.example/namespaces/default/workflows/a%2Fb%3Fc"],
])("at %s the workflow %s is %s", (base, id, url) => {
  expect(workflowUrl(base, id)).toBe(url);
});
