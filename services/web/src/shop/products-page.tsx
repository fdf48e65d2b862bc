import { useInfiniteQuery } from "@connectrpc/connect-query";
import { Button, Card, Container, Group, Loader, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import type { Product } from "@sagacart/proto/stock/v1/product";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { keepPreviousData } from "@tanstack/react-query";
import { getRouteApi, Link, useRouter } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { formatMoney } from "../i18n/format.ts";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { ProductPicture } from "./product-picture.tsx";
import classes from "./products-page.module.css";

type ProductsTexts = {
  readonly title: string;
  readonly search: string;
  readonly placeholder: string;
  readonly more: string;
  readonly none: (query: string) => string;
  readonly left: (count: number) => string;
  readonly soldOut: string;
};

const texts: Texts<ProductsTexts> = {
  en: {
    title: "Products",
    search: "Search the products",
    placeholder: "Keyboard, 4K …",
    more: "Show more",
    none: (query) => (query === "" ? "Nothing is for sale yet." : `Nothing is for sale that matches “${query}”.`),
    left: (count) => `${count} in stock`,
    soldOut: "Sold out",
  },
  de: {
    title: "Produkte",
    search: "Produkte suchen",
    placeholder: "Keyboard, 4K …",
    more: "Mehr anzeigen",
    none: (query) => (query === "" ? "Noch gibt es nichts zu kaufen." : `Zu „${query}“ gibt es kein Produkt.`),
    left: (count) => `${count} auf Lager`,
    soldOut: "Ausverkauft",
  },
};

const route = getRouteApi("/");

/** The catalogue, with its search. The address has the query, so that a search can be shared. */
export function ProductsPage() {
  const text = useTexts(texts);
  const { q = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const router = useRouter();
  const [typed, setTyped] = useState(q);
  const asked = useRef(q);
  const search = useDebouncedCallback((query: string) => {
    // Not if its visitor has followed a link in the meantime.
    if (router.state.location.pathname === "/") {
      asked.current = query;
      void navigate({ search: query === "" ? {} : { q: query }, replace: true });
    }
  }, 250);
  useEffect(() => {
    // Another address than that of what was typed: by the logo, a link, or going back.
    if (q !== asked.current) {
      asked.current = q;
      search.cancel();
      setTyped(q);
    }
  }, [q, search]);
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery(
    ProductService.method.searchProducts,
    { query: q, pageSize: 24, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => (nextPageToken === "" ? undefined : nextPageToken),
      placeholderData: keepPreviousData,
    },
  );
  const products = data?.pages.flatMap((page) => page.products) ?? [];
  return (
    <Container size="lg">
      <title>{`${text.title} · Sagacart`}</title>
      <Stack>
        <Group justify="space-between" align="flex-end">
          <Title order={1}>{text.title}</Title>
          <search className={classes.search}>
            <TextInput
              type="search"
              aria-label={text.search}
              placeholder={text.placeholder}
              value={typed}
              maxLength={200}
              onChange={({ currentTarget }) => {
                setTyped(currentTarget.value);
                search(currentTarget.value);
              }}
            />
          </search>
        </Group>
        <FailureAlert error={error} onRetry={refetch} />
        {isPending && <Loader aria-label={text.title} />}
        {data !== undefined && products.length === 0 && <Text role="status">{text.none(q)}</Text>}
        <ul className={classes.grid}>
          {products.map((product) => (
            <li key={product.id}>
              <ProductCard product={product} />
            </li>
          ))}
        </ul>
        {hasNextPage && (
          <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {text.more}
          </Button>
        )}
      </Stack>
    </Container>
  );
}

function ProductCard({ product }: { product: Product }) {
  const text = useTexts(texts);
  const { language } = useLanguage();
  return (
    <Card withBorder padding="md" className={classes.card}>
      <Card.Section>
        <ProductPicture className={classes.picture} product={product} width={320} height={240} loading="lazy" />
      </Card.Section>
      <Text component="h2" fw={600} mt="sm">
        <Link to="/shop/products/$productId" params={{ productId: product.id }} className={classes.link}>
          {product.title}
        </Link>
      </Text>
      <Group justify="space-between" mt="xs">
        <Text fw={600}>{product.price && formatMoney(product.price, language)}</Text>
        <Text size="sm" c="dimmed">
          {product.available > 0 ? text.left(product.available) : text.soldOut}
        </Text>
      </Group>
    </Card>
  );
}
