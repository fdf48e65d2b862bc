import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { passkeyScript } from "./passkey-script.ts";

type Credentials = { get(options: object): Promise<unknown> };

/** Runs the script on a page of a browser. Returns the form, and a function that presses its button. */
function openPage(browser: { credentials?: Credentials; knowsPasskeys?: boolean } = {}) {
  const { credentials, knowsPasskeys = true } = browser;
  const alert = { textContent: "" };
  const listeners: ((event: object) => Promise<void>)[] = [];
  const form = {
    hidden: true,
    submitted: 0,
    dataset: { passkey: '{"challenge":"AAAA"}' },
    elements: { passkey: { value: "" } },
    addEventListener: (_type: string, listener: (event: object) => Promise<void>) => listeners.push(listener),
    querySelector: () => alert,
    submit: () => form.submitted++,
  };
  const parseRequestOptionsFromJSON = (json: object) => ({ parsed: json });
  runInNewContext(passkeyScript, {
    document: { querySelector: () => form },
    navigator: { credentials },
    ...(knowsPasskeys ? { PublicKeyCredential: { parseRequestOptionsFromJSON } } : {}),
  });
  const press = async () => {
    let prevented = false;
    for (const listener of listeners) {
      await listener({ preventDefault: () => (prevented = true) });
    }
    return prevented;
  };
  return { form, alert, press };
}

test("the button is hidden where the browser does not know passkeys", () => {
  expect(openPage({ knowsPasskeys: false }).form.hidden).toBe(true);
  expect(openPage().form.hidden).toBe(false);
});

test("it asks for the proof with the page's options, and submits it as JSON", async () => {
  const asked: object[] = [];
  const get = async (options: object) => {
    asked.push(options);
    return { toJSON: () => ({ id: "a passkey" }) };
  };
  const { form, press } = openPage({ credentials: { get } });

  expect(await press()).toBe(true);

  expect(JSON.parse(JSON.stringify(asked))).toEqual([{ publicKey: { parsed: { challenge: "AAAA" } } }]);
  expect([form.submitted, form.elements.passkey.value]).toEqual([1, '{"id":"a passkey"}']);
});

test("a user who gives none is told so, and can try again", async () => {
  let isGiven = false;
  const get = async () => {
    if (!isGiven) {
      throw new Error("NotAllowedError");
    }
    return { toJSON: () => ({}) };
  };
  const { form, alert, press } = openPage({ credentials: { get } });

  await press();
  expect([form.submitted, alert.textContent]).toEqual([0, expect.stringContaining("No passkey was given")]);

  isGiven = true;
  await press();
  expect([form.submitted, alert.textContent]).toEqual([1, ""]);
});
