import { useQuery } from "@connectrpc/connect-query";
import { Alert, Button, Container, Group, Loader, Stack, Text, Title } from "@mantine/core";
import type { Product } from "@sagacart/proto/stock/v1/product";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { formatMoney } from "../i18n/format.ts";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { PageLink } from "../layout/page-link.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import classes from "./product-page.module.css";
import { ProductPicture } from "./product-picture.tsx";
import { QuantityInput } from "./quantity-input.tsx";
import { useCart } from "./use-cart.ts";

type ProductTexts = {
  readonly back: string;
  readonly quantity: string;
  readonly add: string;
  readonly added: (quantity: number, title: string) => string;
  readonly toCart: string;
  readonly left: (available: number) => string;
  readonly soldOut: string;
};

const texts: Texts<ProductTexts> = {
  en: {
    back: "All products",
    quantity: "Quantity",
    add: "Add to cart",
    added: (quantity, title) => `${quantity} × ${title} is in your cart.`,
    toCart: "Go to the cart",
    left: (available) => `${available} in stock`,
    soldOut: "Sold out",
  },
  de: {
    back: "Alle Produkte",
    quantity: "Anzahl",
    add: "In den Warenkorb",
    added: (quantity, title) => `${quantity} × ${title} liegt im Warenkorb.`,
    toCart: "Zum Warenkorb",
    left: (available) => `${available} auf Lager`,
    soldOut: "Ausverkauft",
  },
};

const route = getRouteApi("/shop/products/$productId");

/** One product with its stock. */
export function ProductPage() {
  const { productId } = route.useParams();
  const text = useTexts(texts);
  const { data, error, isPending, refetch } = useQuery(ProductService.method.getProduct, { id: productId });
  return (
    <Container size="lg">
      <Stack>
        <PageLink to="/" size="sm">
          ← {text.back}
        </PageLink>
        {isPending && <Loader />}
        <FailureAlert error={error} onRetry={refetch} />
        {data?.product && <Details product={data.product} />}
      </Stack>
    </Container>
  );
}

function Details({ product }: { product: Product }) {
  const text = useTexts(texts);
  const { language } = useLanguage();
  const { add } = useCart();
  const [quantity, setQuantity] = useState(1);
  return (
    <div className={classes.details}>
      <title>{`${product.title} · Sagacart`}</title>
      <ProductPicture className={classes.picture} product={product} width={640} height={480} />
      <Stack>
        <Title order={1}>{product.title}</Title>
        <Text size="xl" fw={600}>
          {product.price && formatMoney(product.price, language)}
        </Text>
        {product.description !== "" && <Text className={classes.description}>{product.description}</Text>}
        <Text c="dimmed">
          {product.available > 0 ? text.left(product.available) : text.soldOut} · {product.sku}
        </Text>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            add.mutate({ productId: product.id, quantity });
          }}
        >
          <Group align="flex-end">
            <QuantityInput label={text.quantity} value={quantity} onChange={setQuantity} />
            <Button type="submit" loading={add.isPending} disabled={product.available === 0}>
              {text.add}
            </Button>
          </Group>
        </form>
        <FailureAlert error={add.error} />
        {add.isSuccess && (
          <Alert color="green" variant="outline" role="status">
            <Group justify="space-between">
              <Text size="sm">{text.added(add.variables.quantity, product.title)}</Text>
              <Button component={Link} to="/shop/cart" size="xs">
                {text.toCart}
              </Button>
            </Group>
          </Alert>
        )}
      </Stack>
    </div>
  );
}
