import { globSync } from "node:fs";
import { personalData } from "@sagacart/privacy/personal-data";
import { levelOf, type Tables } from "@sagacart/privacy/tables/table";
import { expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";
import { tableBelow } from "./markdown.ts";
import { read, sourcesOf } from "./source.ts";

const page = read("docs/security/keys.md");
const sources = [...sourcesOf("services"), ...sourcesOf("workflows/src"), ...sourcesOf("k8s/install")];

/** Returns the cells of the rows of a section's table, without its head. */
const rowsOf = (heading: string) => tableBelow(page, heading).slice(1);

/** The uses of cryptography in a source, each with the name of its algorithm. */
const uses: readonly (readonly [pattern: RegExp, name: (found: string) => string])[] = [
  [/\bcreateHash\(\s*"([\w-]+)"/g, hashName],
  [/(?<![\w.])hash\(\s*"([\w-]+)"/g, hashName],
  [/\b(sha\d+|md5)\(/g, hashName],
  [/\bcreateHmac\(\s*"([\w-]+)"/g, (name) => `HMAC-${hashName(name)}`],
  [/\bhkdf(?:Sync)?\(\s*"([\w-]+)"/g, (name) => `HKDF-${hashName(name)}`],
  [/\bcreate(?:C|Dec)ipheriv\(\s*"([\w-]+)"/g, (name) => name.toUpperCase()],
  [/"(argon2\w+)"/g, (name) => name],
  [/\bnamedCurve: "([\w-]+)"/g, (name) => name],
  // Of one-time passwords.
  [/\balgorithm: "(SHA-?\d+)"/g, (name) => `HMAC-${hashName(name)}`],
  [/"((?:ES|RS|PS|HS)\d{3}|EdDSA)"/g, (name) => name],
  [/\b(?:randomBytes|randomUUID|randomFill(?:Sync)?|randomInt|getRandomValues)\(()/g, () => "CSPRNG"],
  [/\bminVersion: "TLSv([\d.]+)"/g, (version) => `TLS ${version}`],
  [/"((?:TLS_(?:AES|CHACHA)|ECDHE-|DHE-|AES\d+-)[\w-]+)"/g, (suite) => suite],
];

function hashName(name: string): string {
  return name.toUpperCase().replace(/^SHA(?=\d)/, "SHA-");
}

function algorithmsIn(text: string): Set<string> {
  const code = text.replaceAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, "");
  return new Set(uses.flatMap(([pattern, name]) => [...code.matchAll(pattern)].map(([, found = ""]) => name(found))));
}

test("docs/security/keys.md has each algorithm with the files that use it, and no others", () => {
  const found = sources.flatMap(([file, text]) => [...algorithmsIn(text)].map((name) => `${name} in ${file}`));
  const documented = rowsOf("Algorithms").flatMap(([names = "", , files = ""]) =>
    names.split(", ").flatMap((name) => [...files.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => `${name} in ${file}`)),
  );
  expect(found.length).toBeGreaterThan(30);
  expect([...new Set(documented)].toSorted()).toEqual(found.toSorted());
});

/** The functions of these modules that are looked for above, or that use no algorithm of their own. */
const knownNames = new Set([
  ...[
    "createHash",
    "createHmac",
    "hash",
    "hkdfSync",
    "createCipheriv",
    "createDecipheriv",
    "argon2",
    "generateKeyPair",
  ],
  ...[
    "randomBytes",
    "randomUUID",
    "randomFillSync",
    "randomInt",
    "timingSafeEqual",
    "createPrivateKey",
    "KeyObject",
    "X509Certificate",
  ],
  ...[
    "createRemoteJWKSet",
    "createLocalJWKSet",
    "jwtVerify",
    "compactVerify",
    "decodeProtectedHeader",
    "importJWK",
    "SignJWT",
    "calculateJwkThumbprint",
    "customFetch",
    "errors",
  ],
  ...["JWK", "JWTPayload", "JWTVerifyGetKey"],
]);

test("no source uses a function of node:crypto or jose that the test above does not know", () => {
  const imports = sources.flatMap(([file, text]) =>
    [...text.matchAll(/import (?:type )?(\{[^}]*\}|\S+(?: as \S+)?) from "(?:node:crypto|crypto|jose)"/g)].flatMap(
      ([, names = ""]) =>
        names
          .replaceAll(/[{}]/g, "")
          .split(",")
          .map((name) =>
            name
              .replace("type ", "")
              .replace(/ as .*/, "")
              .trim(),
          )
          .filter((name) => name !== "")
          .map((name) => ({ file, name })),
    ),
  );
  expect(imports.length).toBeGreaterThan(30);
  expect(imports.filter(({ name }) => !knownNames.has(name))).toEqual([]);
  // The global object of the browsers' API.
  const webCrypto = sources.filter(([, text]) => /\b(?:webcrypto|crypto\.subtle)\b/.test(text));
  expect(webCrypto.map(([file]) => file)).toEqual([]);
});

test("no package brings other cryptography", () => {
  const manifests = globSync(["services/*/package.json", "workflows/package.json"], { cwd: cloneFolder }).map(read);
  const names = manifests.flatMap((text) => {
    const { dependencies = {} }: { dependencies?: Record<string, string> } = JSON.parse(text);
    return Object.keys(dependencies);
  });
  const cryptographic = names.filter((name) =>
    /crypt|argon|scrypt|nacl|sodium|forge|elliptic|jose|jwt|jsonwebtoken|oidc|otp|webauthn|passkey/.test(name),
  );
  expect([...new Set(cryptographic)].toSorted()).toEqual([
    "@simplewebauthn/server",
    "jose",
    "oidc-provider",
    "otpauth",
  ]);
});

test("docs/security/keys.md has each column of the level secret, and no others", () => {
  const services: Readonly<Record<string, Tables>> = personalData;
  const columns = Object.entries(services).flatMap(([service, tables]) =>
    Object.entries(tables).flatMap(([table, { columns }]) =>
      Object.entries(columns)
        .filter(([, column]) => levelOf(column) === "secret")
        .map(([column]) => `${service}.${table}.${column}`),
    ),
  );
  const documented = rowsOf("In databases").flatMap(([names = ""]) => names.split(", "));
  expect(columns.length).toBeGreaterThan(5);
  expect(documented.toSorted()).toEqual(columns.toSorted());
});

test("docs/security/keys.md has each key that identity derives", () => {
  const derived = sources.flatMap(([, text]) =>
    [...text.matchAll(/\bderiveKeys\([^"()]*, "([\w-]+)"\)/g)].map(([, purpose = ""]) => purpose),
  );
  const documented = rowsOf("Derived from KEY_ENCRYPTION_SECRET").map(([purpose = ""]) => purpose.replaceAll("`", ""));
  expect(derived.length).toBeGreaterThan(3);
  expect(documented.toSorted()).toEqual(derived.toSorted());
});

test("the variables that it names exist", () => {
  const configuration = read("docs/configuration.md");
  const named = [...page.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name = ""]) => name);
  const known = ["IMAGE_REGISTRY_TOKEN"];
  expect(named.filter((name) => !known.includes(name) && !configuration.includes(`| \`${name}\` |`))).toEqual([]);
});
