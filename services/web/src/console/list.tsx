import { Button, Group, Loader, NativeSelect, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useRef } from "react";
import { useTexts } from "../i18n/language.tsx";
import { failureOf } from "../rpc/failure.ts";
import { useAddress } from "./address.ts";
import classes from "./console.module.css";
import { commonTexts } from "./console-texts.ts";
import { editedTime, localTime } from "./search.ts";
import { StepUpFailure } from "./step-up-failure.tsx";

/** How often a list is read again while it is shown. */
export const refreshMs = 5_000;

/** The options of a list's query: it is read again while it is shown, and the page before stays until the next one is there. */
export const listOptions = { placeholderData: keepPreviousData, refetchInterval: refreshMs } as const;

export type Column<Row> = {
  readonly head: string;
  readonly cell: (row: Row) => ReactNode;
  readonly numeric?: boolean;
};

type Query<Page> = {
  readonly data: Page | undefined;
  readonly error: unknown;
  readonly isPending: boolean;
  readonly isPlaceholderData: boolean;
  refetch(): unknown;
};

/** A list by pages: heading, filters, table, and the way to the next page. The address has the filters and the page. */
export function ListPage<Page extends { readonly nextPageToken: string }, Row>(given: {
  readonly title: string;
  readonly explanation?: ReactNode;
  readonly query: Query<Page>;
  readonly rowsOf: (page: Page) => readonly Row[];
  readonly keyOf: (row: Row, index: number) => string;
  readonly columns: readonly Column<Row>[];
  readonly empty: string;
  readonly filters?: ReactNode;
  readonly actions?: ReactNode;
}) {
  const { title, explanation, query, rowsOf, keyOf, columns, empty, filters, actions } = given;
  return (
    <Stack>
      <Heading title={title} actions={actions} />
      {explanation !== undefined && <Text size="sm">{explanation}</Text>}
      {filters}
      <Paged query={query} label={title} rowsOf={rowsOf} keyOf={keyOf} columns={columns} empty={empty} />
    </Stack>
  );
}

export function Heading({ title, actions }: { title: string; actions?: ReactNode }) {
  const text = useTexts(commonTexts);
  return (
    <Group justify="space-between">
      <title>{`${title} · ${text.console} · Sagacart`}</title>
      <Title order={1} size="h2" className={classes.breakable}>
        {title}
      </Title>
      <Group gap="xs">{actions}</Group>
    </Group>
  );
}

/** The table of one page, and the way to the next one. `pageName` is the page's name in the address. */
export function Paged<Page extends { readonly nextPageToken: string }, Row>(given: {
  readonly label: string;
  readonly query: Query<Page>;
  readonly rowsOf: (page: Page) => readonly Row[];
  readonly keyOf: (row: Row, index: number) => string;
  readonly columns: readonly Column<Row>[];
  readonly empty: string;
  /** The sentence of a page without rows if more pages follow. */
  readonly emptyPage?: string;
  readonly pageName?: string;
}) {
  const text = useTexts(commonTexts);
  const { label, query, rowsOf, keyOf, columns, empty, emptyPage = text.emptyPage, pageName = "page" } = given;
  const { texts, set } = useAddress(pageName);
  const { data, error, isPending, isPlaceholderData } = query;
  const rows = data === undefined ? [] : rowsOf(data);
  const isFirst = texts[pageName] === undefined;
  const badToken = error !== null && error !== undefined && failureOf(error).reason === "BAD_PAGE_TOKEN";
  const next = data?.nextPageToken ?? "";
  return (
    <Stack gap="sm" aria-busy={isPending || isPlaceholderData}>
      <StepUpFailure error={error} {...(badToken ? {} : { onRetry: query.refetch })} />
      {isPending && error === null && <Loader size="sm" aria-label={text.reading(label)} />}
      {data !== undefined && rows.length === 0 && <Text role="status">{next === "" ? empty : emptyPage}</Text>}
      {rows.length > 0 && <Rows label={label} rows={rows} keyOf={keyOf} columns={columns} />}
      {(!isFirst || next !== "") && (
        <Group gap="xs">
          <Button variant="default" size="xs" disabled={isFirst} onClick={() => set({ [pageName]: undefined })}>
            {text.firstPage}
          </Button>
          <Button
            variant="default"
            size="xs"
            disabled={next === "" || isPlaceholderData}
            onClick={() => set({ [pageName]: next })}
          >
            {text.nextPage}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** A table that scrolls sideways where it does not fit; a word if it has no rows. */
export function Rows<Row>({
  label,
  rows,
  keyOf,
  columns,
}: {
  readonly label: string;
  readonly rows: readonly Row[];
  /** Unique among the rows. The index will do for rows that never change. */
  readonly keyOf: (row: Row, index: number) => string;
  readonly columns: readonly Column<Row>[];
}) {
  const text = useTexts(commonTexts);
  if (rows.length === 0) {
    return <Text size="sm">{text.none}</Text>;
  }
  return (
    // Focusable, so that it can be scrolled by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
    <section className={classes.scroll} aria-label={label} tabIndex={0}>
      <Table striped verticalSpacing="xs" className={classes.table}>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ head, numeric }) => (
              <Table.Th key={head} scope="col" className={numeric === true ? classes.numeric : undefined}>
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row, index) => (
            <Table.Tr key={keyOf(row, index)}>
              {columns.map(({ head, cell, numeric }) => (
                <Table.Td key={head} className={numeric === true ? classes.numeric : undefined}>
                  {cell(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

export type Filter = {
  readonly name: string;
  readonly label: string;
  readonly kind?: "text" | "time" | "select";
  readonly options?: readonly { readonly value: string; readonly label: string }[];
  /** Keeps its text out of the address, for what the contract marks `body_only`. Pages read it from `privateTexts`. */
  readonly private?: true;
};

/** The filters of a list. They apply with Enter or the button, and begin at the first page again. */
export function Filters({ filters }: { filters: readonly Filter[] }) {
  const text = useTexts(commonTexts);
  const names = filters.map(({ name }) => name);
  const { texts, privateTexts, set } = useAddress(...names);
  const form = useRef<HTMLFormElement>(null);
  const textOf = (filter: Filter) => (filter.private === true ? privateTexts : texts)[filter.name];
  const shownOf = (filter: Filter) => (filter.kind === "time" ? localTime(textOf(filter)) : (textOf(filter) ?? ""));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const changesOf = (wanted: readonly Filter[]) =>
      Object.fromEntries(
        wanted.map((filter) => {
          const value = String(given.get(filter.name) ?? "").trim();
          return [filter.name, filter.kind === "time" ? editedTime(textOf(filter), value) : value || undefined];
        }),
      );
    set(
      { ...changesOf(filters.filter((filter) => filter.private !== true)), page: undefined },
      changesOf(filters.filter((filter) => filter.private === true)),
    );
  };
  // Gives the inputs what the address says, also after going back. A new form would do that, too, but would lose the focus.
  const key = filters.map(shownOf).join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is typed stays until the address has other texts
  useEffect(() => {
    for (const filter of filters) {
      const input = form.current?.elements.namedItem(filter.name);
      if (input instanceof HTMLInputElement || input instanceof HTMLSelectElement) {
        input.value = shownOf(filter);
      }
    }
  }, [key]);
  return (
    <search>
      <form ref={form} onSubmit={submit}>
        <Group align="flex-end" gap="sm">
          {filters.map((filter) =>
            filter.kind === "select" ? (
              <NativeSelect
                key={filter.name}
                name={filter.name}
                label={filter.label}
                size="xs"
                data={[{ value: "", label: text.any }, ...(filter.options ?? [])]}
                defaultValue={shownOf(filter)}
              />
            ) : (
              <TextInput
                key={filter.name}
                name={filter.name}
                label={filter.label}
                size="xs"
                maxLength={200}
                autoComplete="off"
                {...(filter.kind === "time" ? { type: "datetime-local", step: 1 } : {})}
                defaultValue={shownOf(filter)}
              />
            ),
          )}
          <Button type="submit" size="xs">
            {text.search}
          </Button>
        </Group>
      </form>
    </search>
  );
}

/** Facts as pairs of a name and a value; those without a value are left out. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className={classes.facts}>
      {facts
        .filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Shown by a page about one thing until that is there: a loader, or why it failed. */
export function Waiting({
  query,
  label,
}: {
  query: Pick<Query<unknown>, "error" | "isPending" | "refetch">;
  label: string;
}) {
  const text = useTexts(commonTexts);
  return (
    <>
      <StepUpFailure error={query.error} onRetry={query.refetch} />
      {query.isPending && query.error === null && <Loader size="sm" aria-label={text.reading(label)} />}
    </>
  );
}
