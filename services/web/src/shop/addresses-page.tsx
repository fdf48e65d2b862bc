import { create } from "@bufbuild/protobuf";
import { useMutation, useQuery } from "@connectrpc/connect-query";
import { Alert, Badge, Button, Checkbox, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import type { UserAddress } from "@sagacart/proto/identity/v1/user";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { useState } from "react";
import { type Texts, useLanguage, useTexts } from "../i18n/language.tsx";
import { failureOf, isTransient } from "../rpc/failure.ts";
import { FailureAlert } from "../rpc/failure-alert.tsx";
import { type AddressDraft, addressOf, draftOf, emptyDraft, namesOfFields, oneLine } from "./address-fields.ts";
import { AddressForm, addressTexts, likelyCountry } from "./address-form.tsx";
import classes from "./addresses-page.module.css";
import { createAttempt } from "./attempt.ts";
import { OwnPage } from "./own-page.tsx";
import { allAddresses } from "./saved-addresses.ts";

type AddressesTexts = {
  readonly title: string;
  readonly signIn: string;
  readonly none: string;
  readonly add: string;
  readonly isDefault: string;
  readonly makeDefault: string;
  readonly useByDefault: string;
  readonly edit: (address: string) => string;
  readonly editTitle: string;
  readonly remove: (address: string) => string;
  readonly save: string;
  readonly cancel: string;
  readonly short: { readonly edit: string; readonly remove: string };
  readonly savedMeanwhile: string;
  readonly saveMine: string;
  readonly takeTheirs: string;
  readonly gone: string;
};

const texts: Texts<AddressesTexts> = {
  en: {
    title: "Addresses",
    signIn: "Sign in to see your addresses.",
    none: "There are no addresses yet.",
    add: "Add an address",
    isDefault: "Default",
    makeDefault: "Use by default",
    useByDefault: "Use this address by default",
    edit: (address) => `Edit ${address}`,
    editTitle: "Edit the address",
    remove: (address) => `Delete ${address}`,
    save: "Save the address",
    cancel: "Cancel",
    short: { edit: "Edit", remove: "Delete" },
    savedMeanwhile: "Saved elsewhere in the meantime:",
    saveMine: "Save this form to replace it, or take over what is saved.",
    takeTheirs: "Take over what is saved",
    gone: "This address was deleted elsewhere in the meantime.",
  },
  de: {
    title: "Adressen",
    signIn: "Melden Sie sich an, um Ihre Adressen zu sehen.",
    none: "Noch gibt es keine Adressen.",
    add: "Adresse hinzufügen",
    isDefault: "Standard",
    makeDefault: "Als Standard",
    useByDefault: "Diese Adresse als Standard verwenden",
    edit: (address) => `${address} bearbeiten`,
    editTitle: "Adresse bearbeiten",
    remove: (address) => `${address} löschen`,
    save: "Adresse speichern",
    cancel: "Abbrechen",
    short: { edit: "Bearbeiten", remove: "Löschen" },
    savedMeanwhile: "Inzwischen anderswo gespeichert:",
    saveMine: "Speichern Sie dieses Formular, um sie zu ersetzen, oder übernehmen Sie das Gespeicherte.",
    takeTheirs: "Gespeichertes übernehmen",
    gone: "Diese Adresse wurde inzwischen anderswo gelöscht.",
  },
};

/** The address book: one's addresses, of which the checkout offers one. */
export function AddressesPage() {
  const text = useTexts(texts);
  return (
    <OwnPage size="sm" text={text}>
      {() => <AddressBook />}
    </OwnPage>
  );
}

/** The form that is open: of one address, or of a new one. */
type Opened = { readonly kind: "none" | "new" } | { readonly kind: "edit"; readonly id: string };

function AddressBook() {
  const text = useTexts(texts);
  const { data, error, isPending, refetch } = useQuery(IdentityService.method.listAddresses, allAddresses);
  const [opened, setOpened] = useState<Opened>({ kind: "none" });
  const close = () => setOpened({ kind: "none" });
  const again = { onSettled: () => refetch() };
  const remove = useMutation(IdentityService.method.deleteAddress, again);
  const makeDefault = useMutation(IdentityService.method.updateAddress, again);
  const addresses = data?.addresses ?? [];
  const isBusy = remove.isPending || makeDefault.isPending;
  return (
    <>
      {isPending && <Loader aria-label={text.title} />}
      <FailureAlert error={error} onRetry={refetch} />
      {data !== undefined && addresses.length === 0 && <Text role="status">{text.none}</Text>}
      <FailureAlert error={remove.error ?? makeDefault.error} />
      <ul className={classes.addresses}>
        {addresses.map((address) =>
          opened.kind === "edit" && opened.id === address.id ? (
            <li key={address.id} className={classes.address}>
              <EditForm saved={address} onClose={close} />
            </li>
          ) : (
            <li key={address.id} className={classes.address}>
              <Entry
                address={address}
                isBusy={isBusy}
                onEdit={() => setOpened({ kind: "edit", id: address.id })}
                onDelete={() => remove.mutate({ userId: "me", id: address.id, etag: address.etag })}
                onMakeDefault={() =>
                  makeDefault.mutate({
                    address: { id: address.id, userId: "me", isDefault: true, etag: address.etag },
                    updateMask: { paths: ["is_default"] },
                  })
                }
              />
            </li>
          ),
        )}
      </ul>
      {opened.kind === "edit" && data !== undefined && !addresses.some(({ id }) => id === opened.id) && (
        <Alert color="orange" variant="outline" title={text.gone}>
          <Button size="xs" variant="default" onClick={close}>
            {text.cancel}
          </Button>
        </Alert>
      )}
      {opened.kind === "new" && <NewForm onClose={close} />}
      {opened.kind === "none" && data !== undefined && (
        <Group>
          <Button onClick={() => setOpened({ kind: "new" })}>{text.add}</Button>
        </Group>
      )}
    </>
  );
}

function Entry(given: {
  address: UserAddress;
  isBusy: boolean;
  onEdit: () => void;
  onDelete: () => void;
  onMakeDefault: () => void;
}) {
  const { address, isBusy } = given;
  const text = useTexts(texts);
  const line = address.address === undefined ? "" : oneLine(address.address);
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <Text className={classes.line}>{line}</Text>
        {address.isDefault && <Badge variant="outline">{text.isDefault}</Badge>}
      </Group>
      <Group gap="xs">
        <Button size="xs" variant="default" aria-label={text.edit(line)} onClick={given.onEdit}>
          {text.short.edit}
        </Button>
        {!address.isDefault && (
          <Button size="xs" variant="default" disabled={isBusy} onClick={given.onMakeDefault}>
            {text.makeDefault}
          </Button>
        )}
        <Button size="xs" variant="default" disabled={isBusy} aria-label={text.remove(line)} onClick={given.onDelete}>
          {text.short.remove}
        </Button>
      </Group>
    </Stack>
  );
}

function NewForm({ onClose }: { onClose: () => void }) {
  const { language } = useLanguage();
  const text = useTexts(texts);
  const reread = useReread();
  const [draft, setDraft] = useState(() => emptyDraft(likelyCountry(navigator.languages, language)));
  const [isDefault, setIsDefault] = useState(false);
  // One key for one address, so that a repeat after a lost answer makes one.
  const [attempt] = useState(createAttempt);
  const add = useMutation(IdentityService.method.createAddress, {
    retry: (count, error) => count < 3 && isTransient(failureOf(error)),
    onSuccess: async () => {
      await reread();
      onClose();
    },
  });
  return (
    <DraftForm
      title={text.add}
      draft={draft}
      onChange={setDraft}
      isDefault={isDefault}
      onDefault={setIsDefault}
      isBusy={add.isPending}
      onClose={onClose}
      onSubmit={() => {
        const address = create(AddressSchema, addressOf(draft));
        const requestId = attempt.requestIdFor(JSON.stringify([addressOf(draft), isDefault]));
        add.mutate({ userId: "me", address, isDefault, requestId });
      }}
    >
      <FailureAlert error={add.error} names={useNames("address")} />
    </DraftForm>
  );
}

/** Edits an address as it was when the form was opened. What is saved elsewhere meanwhile is shown, and not overwritten unasked. */
function EditForm({ saved, onClose }: { saved: UserAddress; onClose: () => void }) {
  const text = useTexts(texts);
  const reread = useReread();
  const [etag, setEtag] = useState(saved.etag);
  const [draft, setDraft] = useState(() => draftOf(saved.address));
  const [isDefault, setIsDefault] = useState(saved.isDefault);
  const [conflict, setConflict] = useState<UserAddress>();
  const names = useNames("address.address");
  const update = useMutation(IdentityService.method.updateAddress, {
    onSuccess: async () => {
      await reread();
      onClose();
    },
    onError: async (error) => {
      const current = (await reread()).find(({ id }) => id === saved.id);
      if (failureOf(error).reason === "ETAG_MISMATCH" && current !== undefined) {
        // From now on the form is a change of that one, which the person has seen.
        setConflict(current);
        setEtag(current.etag);
      }
    },
  });
  const takeTheirs = (current: UserAddress) => {
    setDraft(draftOf(current.address));
    setIsDefault(current.isDefault);
    setConflict(undefined);
    update.reset();
  };
  return (
    <DraftForm
      title={text.editTitle}
      draft={draft}
      onChange={setDraft}
      isDefault={isDefault}
      onDefault={setIsDefault}
      isBusy={update.isPending}
      onClose={onClose}
      onSubmit={() => {
        setConflict(undefined);
        update.mutate({
          address: { id: saved.id, userId: "me", address: create(AddressSchema, addressOf(draft)), isDefault, etag },
          updateMask: { paths: ["address", "is_default"] },
        });
      }}
    >
      {conflict === undefined && <FailureAlert error={update.error} names={names} />}
      {conflict !== undefined && (
        <Alert color="orange" variant="outline" title={text.savedMeanwhile}>
          <Stack gap="xs" align="flex-start">
            <Text size="sm" className={classes.line}>
              {conflict.address === undefined ? "" : oneLine(conflict.address)}
            </Text>
            <Text size="sm">{text.saveMine}</Text>
            <Button size="xs" variant="default" onClick={() => takeTheirs(conflict)}>
              {text.takeTheirs}
            </Button>
          </Stack>
        </Alert>
      )}
    </DraftForm>
  );
}

function DraftForm(given: {
  title: string;
  draft: AddressDraft;
  onChange: (draft: AddressDraft) => void;
  isDefault: boolean;
  onDefault: (isDefault: boolean) => void;
  isBusy: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: React.ReactNode;
}) {
  const text = useTexts(texts);
  return (
    <form
      aria-label={given.title}
      onSubmit={(event) => {
        event.preventDefault();
        given.onSubmit();
      }}
    >
      <Stack gap="md">
        <Title order={2} size="h4">
          {given.title}
        </Title>
        <AddressForm value={given.draft} onChange={given.onChange} />
        <Checkbox
          label={text.useByDefault}
          checked={given.isDefault}
          onChange={({ currentTarget }) => given.onDefault(currentTarget.checked)}
        />
        {given.children}
        <Group>
          <Button type="submit" loading={given.isBusy}>
            {text.save}
          </Button>
          <Button variant="default" onClick={given.onClose}>
            {text.cancel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Returns a function that reads the address book again, and returns what it has then. */
function useReread() {
  const { refetch } = useQuery(IdentityService.method.listAddresses, allAddresses);
  return async () => (await refetch()).data?.addresses ?? [];
}

/** Returns the labels of the fields, by their paths in the request. */
function useNames(path: string): Readonly<Record<string, string>> {
  return namesOfFields(path, useTexts(addressTexts));
}
