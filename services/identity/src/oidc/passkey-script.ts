import { createHash } from "node:crypto";

/**
 * The script of the pages with passkeys. It asks the browser for the proof and submits it, and hides the button where the
 * browser does not know passkeys. The page's policy allows it by its hash, and no other.
 */
export const passkeyScript = `
const form = document.querySelector("form[data-passkey]");
if (globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const alert = form.querySelector("[role=alert]");
    alert.textContent = "";
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.passkey));
      const credential = await navigator.credentials.get({ publicKey });
      form.elements.passkey.value = JSON.stringify(credential.toJSON());
    } catch {
      alert.textContent = "No passkey was given. Try again, or sign in in another way.";
      return;
    }
    form.submit();
  });
}
`;

export const passkeyScriptHash = `'sha256-${createHash("sha256").update(passkeyScript).digest("base64")}'`;
