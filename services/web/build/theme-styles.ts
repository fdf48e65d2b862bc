import { convertCssVariables, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from "@mantine/core";
import type { Plugin } from "vite";
import { cssVariables, theme } from "../src/theme.ts";

const name = "virtual:theme.css";

/**
 * Serves the theme's CSS variables as a style sheet. Mantine would put them into a `<style>` element at runtime, which the
 * Content-Security-Policy forbids.
 */
export function themeStyles(): Plugin {
  return {
    name: "sagacart-theme-styles",
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) => (id === `\0${name}` ? styles() : undefined),
  };
}

function styles(): string {
  const merged = mergeMantineTheme(DEFAULT_THEME, theme);
  const [own, usual] = [cssVariables, defaultCssVariablesResolver(merged)];
  return convertCssVariables(
    {
      variables: { ...usual.variables, ...own.variables },
      light: { ...usual.light, ...own.light },
      dark: { ...usual.dark, ...own.dark },
    },
    ":root",
  );
}
