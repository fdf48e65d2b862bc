import { Anchor } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { useSession } from "../auth/use-session.tsx";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { useSiteConfig } from "../use-site-config.tsx";

/** Leads to the issuer's page to register, and back to this one. Nothing where nobody can sign in. */
export function CreateAccount({ label }: { label: string }) {
  const { session } = useSession();
  const { issuer } = useSiteConfig();
  const { href } = useLocation();
  const register = useMutation({ mutationFn: () => session.signIn(href, { register: true }) });
  if (issuer === undefined) {
    return null;
  }
  return (
    <div>
      <Anchor component="button" type="button" size="sm" onClick={() => register.mutate()}>
        {label}
      </Anchor>
      <FailureAlert error={register.error} />
    </div>
  );
}
