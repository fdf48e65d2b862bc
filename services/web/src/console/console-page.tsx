import { Container, Title } from "@mantine/core";

/** The operator's first page. */
export function ConsolePage() {
  return (
    <Container size="lg">
      <title>Console · Sagacart</title>
      <Title order={1}>Console</Title>
    </Container>
  );
}
