import { createHash } from "node:crypto";
import { passkeyScript, passkeyScriptHash } from "./passkey-script.ts";

/** An HTML page and its Content-Security-Policy, which forbids resources, framing, and scripts but the one of passkeys. */
export type Page = { readonly html: string; readonly csp: string };

export type SignInPage = {
  readonly action: string;
  readonly csrf: string;
  readonly application: string;
  readonly username: string;
  readonly error: string | undefined;
  /** Where the browser is finally redirected to: form-action applies to a form's redirects, too. */
  readonly returnOrigin: string | undefined;
  /** What the browser needs to prove a passkey, as JSON; "" for no passkeys. */
  readonly passkeyOptions: string;
};

export function signInPage(options: SignInPage): Page {
  const { action, csrf, application, username, error, returnOrigin, passkeyOptions } = options;
  const alert = error === undefined ? "" : `<p role="alert">${escapeHtml(error)}</p>`;
  const main = `<h1>Sign in</h1>
<p>to continue to ${escapeHtml(application)}</p>
${alert}
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<label>Name or e-mail address
<input name="username" value="${escapeHtml(username)}" autocomplete="username" maxlength="254" required autofocus></label>
<label>Password
<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
${passkeyForm({ action, csrf, passkeyOptions, signInToken: "" })}`;
  return page("Sign in", main, { formAction: formActionOf(returnOrigin), hasPasskeys: passkeyOptions !== "" });
}

export type CodePage = Omit<SignInPage, "username"> & { readonly signInToken: string };

/** Renders the second step of a sign-in: a code of an app, or a recovery code. */
export function codePage(options: CodePage): Page {
  const { action, csrf, application, signInToken, error, returnOrigin, passkeyOptions } = options;
  const alert = error === undefined ? "" : `<p role="alert">${escapeHtml(error)}</p>`;
  const main = `<h1>Sign in</h1>
<p>to continue to ${escapeHtml(application)}</p>
${alert}
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="sign_in_token" value="${escapeHtml(signInToken)}">
<label>Code of your authenticator app, or a recovery code
<input name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="64" required autofocus></label>
<button>Sign in</button>
</form>
${passkeyForm({ action, csrf, passkeyOptions, signInToken })}`;
  return page("Sign in", main, { formAction: formActionOf(returnOrigin), hasPasskeys: passkeyOptions !== "" });
}

function formActionOf(returnOrigin: string | undefined): readonly string[] {
  return ["'self'", ...(returnOrigin === undefined ? [] : [returnOrigin])];
}

/** The form that sends the proof of a passkey. The script shows it in browsers that know passkeys. */
function passkeyForm(options: Pick<CodePage, "action" | "csrf" | "passkeyOptions" | "signInToken">): string {
  if (options.passkeyOptions === "") {
    return "";
  }
  return `<form method="post" action="${escapeHtml(options.action)}" hidden data-passkey="${escapeHtml(options.passkeyOptions)}">
<input type="hidden" name="csrf" value="${escapeHtml(options.csrf)}">
<input type="hidden" name="sign_in_token" value="${escapeHtml(options.signInToken)}">
<input type="hidden" name="passkey">
<p><button>Sign in with a passkey</button></p>
<p role="alert"></p>
</form>
<script>${passkeyScript}</script>`;
}

export type Language = "en" | "de";

export type ContinuePage = Pick<SignInPage, "action" | "csrf" | "application" | "username" | "returnOrigin"> & {
  readonly language: Language;
};

/** Renders the question before a signed-in user goes on to an application. */
export function continuePage(asked: ContinuePage): Page {
  const { action, csrf, returnOrigin, language } = asked;
  const application = escapeHtml(asked.application);
  const username = escapeHtml(asked.username);
  const { title, question, button, cancel, other } = {
    en: {
      title: `Continue to ${application}?`,
      question: `You are signed in as ${username}. ${application} will be able to act for you.`,
      button: `Continue as ${username}`,
      cancel: "Cancel",
      other: `Not ${username}? Sign out first`,
    },
    de: {
      title: `Weiter zu ${application}?`,
      question: `Sie sind als ${username} angemeldet. ${application} kann dann für Sie handeln.`,
      button: `Weiter als ${username}`,
      cancel: "Abbrechen",
      other: `Nicht ${username}? Melden Sie sich zuerst ab`,
    },
  }[language];
  const main = `<h1>${title}</h1>
<p>${question}</p>
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<button name="continue" value="yes" autofocus>${button}</button>
<button name="continue" value="no">${cancel}</button>
</form>
<p><a href="/oidc/logout">${other}</a></p>`;
  const formAction = ["'self'", ...(returnOrigin === undefined ? [] : [returnOrigin])];
  return page(title, main, { formAction, language });
}

/** Renders the question before a sign-out. `form` is oidc-provider's, with its CSRF token. */
export function signOutPage(form: string): Page {
  const main = `<h1>Sign out?</h1>
${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
<button type="submit" form="op.logoutForm">Stay signed in</button>`;
  // oidc-provider has checked where the application redirects to afterwards.
  return page("Sign out", main, { formAction: ["'self'", "http:", "https:"] });
}

/** Renders the button that uses a token from a mail; with an empty path, that it was used. */
export function emailPage({ action, path, token }: { action: "confirm" | "undo"; path: string; token: string }): Page {
  const texts = {
    confirm: { title: "Confirm your e-mail address", button: "Confirm", done: "Your e-mail address is confirmed" },
    undo: {
      title: "Undo the change of your e-mail address",
      button: "Undo it and end all sessions",
      done: "Your e-mail address is restored. A mail for a new password is on its way",
    },
  };
  const { title, button, done } = texts[action];
  if (path === "") {
    return page(title, `<h1>${done}</h1>`);
  }
  const main = `<h1>${title}</h1>
<form method="post" action="${escapeHtml(path)}">
<input type="hidden" name="token" value="${escapeHtml(token)}">
<button>${button}</button>
</form>`;
  return page(title, main, { formAction: ["'self'"] });
}

export function signedOutPage(): Page {
  return page("Signed out", "<h1>You are signed out</h1>");
}

export function errorPage(message: string): Page {
  return page("Something went wrong", `<h1>Something went wrong</h1>\n<p>${escapeHtml(message)}</p>`);
}

const style = `body{font-family:system-ui,sans-serif;max-width:22rem;margin:4rem auto;padding:0 1rem;line-height:1.5}
label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem}
button{font:inherit;padding:.5rem 1rem}[role=alert]{color:#a00}`;
const styleHash = `'sha256-${createHash("sha256").update(style).digest("base64")}'`;

type PageOptions = {
  readonly formAction?: readonly string[];
  readonly hasPasskeys?: boolean;
  readonly language?: Language;
};

/** Renders a page. The title is HTML. */
function page(
  title: string,
  main: string,
  { formAction = ["'none'"], hasPasskeys = false, language = "en" }: PageOptions = {},
): Page {
  const html = `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Sagacart</title>
<style>${style}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
  const csp = [
    "default-src 'none'",
    `style-src ${styleHash}`,
    ...(hasPasskeys ? [`script-src ${passkeyScriptHash}`] : []),
    `form-action ${formAction.join(" ")}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join("; ");
  return { html, csp };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
