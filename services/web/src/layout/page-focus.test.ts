import { expect, test, vi } from "vitest";
import { focusAfterNavigation } from "./page-focus.ts";

const field = { matches: () => true } as unknown as Element;
const link = { matches: () => false } as unknown as Element;

test.each([
  ["another path", { fromLocation: {}, pathChanged: true }, link, 1],
  ["another search", { fromLocation: {}, pathChanged: false }, link, 0],
  ["the first page", { pathChanged: true }, null, 0],
  ["a page that has put the focus into a field", { fromLocation: {}, pathChanged: true }, field, 0],
])("%s", (_name, event, focused, times) => {
  const main = { focus: vi.fn(), contains: () => true };
  focusAfterNavigation(event, main, focused);
  expect(main.focus).toHaveBeenCalledTimes(times);
});
