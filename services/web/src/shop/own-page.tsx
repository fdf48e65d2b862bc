import { Container, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { customerIdOf, useSession } from "../auth/use-session.tsx";

/** A page of what belongs to one customer: the contents for whoever is signed in, and a request to sign in for all others. */
export function OwnPage({
  size,
  text,
  children,
}: {
  size: "sm" | "md";
  text: { readonly title: string; readonly signIn: string };
  children: (customerId: string) => ReactNode;
}) {
  const { state } = useSession();
  return (
    <Container size={size}>
      <title>{`${text.title} · Sagacart`}</title>
      <Stack>
        <Title order={1}>{text.title}</Title>
        {state.kind === "signed-out" && <Text>{text.signIn}</Text>}
        {state.kind === "signed-in" && children(customerIdOf(state))}
      </Stack>
    </Container>
  );
}
