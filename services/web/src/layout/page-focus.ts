type Navigation = { readonly fromLocation?: unknown; readonly pathChanged: boolean };

/**
 * Moves the focus to the content of a new page, as a browser does when it loads one, so that screen readers announce it and
 * the next Tab is in it. Not for a change of the search alone, which keeps the page, nor where the page has put the focus into
 * a field itself.
 */
export function focusAfterNavigation(
  { fromLocation, pathChanged }: Navigation,
  main: Pick<HTMLElement, "focus" | "contains">,
  focused: (Pick<Element, "matches"> & Node) | null,
): void {
  const isFirst = fromLocation === undefined;
  const isInField = main.contains(focused) && focused?.matches("input, select, textarea") === true;
  if (pathChanged && !isFirst && !isInField) {
    main.focus({ preventScroll: true });
  }
}
