import { type ComponentType, lazy } from "react";

const reloadedKey = "sagacart.reloaded-at";
/** A chunk that is missing in the reloaded page as well will not come by reloading it again. */
const betweenReloadsMs = 300_000;

/** Makes a component of a chunk of its own. The router's `lazyRouteComponent` does this for pages. */
export function lazyChunk<Given extends object>(load: () => Promise<ComponentType<Given>>) {
  return lazy(async () => ({ default: await load().catch(reloadOnce) }));
}

/**
 * Reloads the page when a chunk is gone: it belongs to a version that the shop no longer has, and the new page knows the new
 * names. Throws the error where that would not help: offline, and just after a reload.
 */
export async function reloadOnce(error: unknown): Promise<never> {
  const reloadedAtMs = Number(sessionStorage.getItem(reloadedKey));
  if (!navigator.onLine || Date.now() - reloadedAtMs < betweenReloadsMs) {
    throw error;
  }
  sessionStorage.setItem(reloadedKey, String(Date.now()));
  location.reload();
  return await new Promise(() => {});
}
