import type { Language, Texts } from "./language.ts";
import { alertOf, escapeHtml, type FormError, fieldOf, type Page, page } from "./page.ts";
import { passkeyScript } from "./passkey-script.ts";

/** A form of a sign-in, in whichever step. */
export type SignInStep = {
  readonly action: string;
  readonly csrf: string;
  readonly application: string;
  readonly language: Language;
  /** Where the browser is finally redirected to: form-action applies to a form's redirects, too. */
  readonly returnOrigin: string | undefined;
};

export type SignInPage = SignInStep & {
  readonly username: string;
  readonly error: FormError | undefined;
  /** What the browser needs to prove a passkey, as JSON; "" for no passkeys. */
  readonly passkeyOptions: string;
  /** The pages to register and to ask for a new password. */
  readonly registerPath: string;
  readonly forgotPath: string;
};

type SignInTexts = {
  readonly title: string;
  readonly continueTo: (application: string) => string;
  readonly login: string;
  readonly password: string;
  readonly code: string;
  readonly passkey: string;
  readonly register: string;
  readonly forgot: string;
};

const signInTexts: Texts<SignInTexts> = {
  en: {
    title: "Sign in",
    continueTo: (application) => `to continue to ${application}`,
    login: "Name or e-mail address",
    password: "Password",
    code: "Code of your authenticator app, or a recovery code",
    passkey: "Sign in with a passkey",
    register: "Create an account",
    forgot: "Forgot your password?",
  },
  de: {
    title: "Anmelden",
    continueTo: (application) => `um mit ${application} fortzufahren`,
    login: "Name oder E-Mail-Adresse",
    password: "Passwort",
    code: "Code Ihrer Authenticator-App oder ein Wiederherstellungscode",
    passkey: "Mit einem Passkey anmelden",
    register: "Konto anlegen",
    forgot: "Passwort vergessen?",
  },
};

export function signInPage(options: SignInPage): Page {
  const { action, csrf, username, error, returnOrigin, passkeyOptions, language } = options;
  const text = signInTexts[language];
  const fields = [
    { name: "username", label: text.login, value: username, autocomplete: "username", attributes: 'maxlength="254"' },
    { name: "password", label: text.password, type: "password", autocomplete: "current-password" },
  ] as const;
  const main = `<h1>${text.title}</h1>
<p>${text.continueTo(escapeHtml(options.application))}</p>
${alertOf(error)}
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
${fields.map((field) => fieldOf({ ...field, isFirst: field.name === "username" }, error)).join("\n")}
<button>${text.title}</button>
</form>
${passkeyForm({ ...options, signInToken: "" })}
<p><a href="${escapeHtml(options.registerPath)}">${text.register}</a></p>
<p><a href="${escapeHtml(options.forgotPath)}">${text.forgot}</a></p>`;
  const formAction = formActionOf(returnOrigin);
  return page(text.title, main, { formAction, hasPasskeys: passkeyOptions !== "", language });
}

export type CodePage = SignInStep & Pick<SignInPage, "error" | "passkeyOptions"> & { readonly signInToken: string };

/** Renders the second step of a sign-in: a code of an app, or a recovery code. */
export function codePage(options: CodePage): Page {
  const { action, csrf, signInToken, error, returnOrigin, passkeyOptions, language } = options;
  const text = signInTexts[language];
  const field = {
    ...{ name: "code", label: text.code, autocomplete: "one-time-code", isFirst: true },
    attributes: 'autocapitalize="none" spellcheck="false" maxlength="64"',
  };
  const main = `<h1>${text.title}</h1>
<p>${text.continueTo(escapeHtml(options.application))}</p>
${alertOf(error)}
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="sign_in_token" value="${escapeHtml(signInToken)}">
${fieldOf(field, error)}
<button>${text.title}</button>
</form>
${passkeyForm(options)}`;
  const formAction = formActionOf(returnOrigin);
  return page(text.title, main, { formAction, hasPasskeys: passkeyOptions !== "", language });
}

export function formActionOf(returnOrigin: string | undefined): readonly string[] {
  return ["'self'", ...(returnOrigin === undefined ? [] : [returnOrigin])];
}

/** The form that sends the proof of a passkey. The script shows it in browsers that know passkeys. */
function passkeyForm(
  options: Pick<CodePage, "action" | "csrf" | "passkeyOptions" | "signInToken" | "language">,
): string {
  if (options.passkeyOptions === "") {
    return "";
  }
  return `<form method="post" action="${escapeHtml(options.action)}" hidden data-passkey="${escapeHtml(options.passkeyOptions)}">
<input type="hidden" name="csrf" value="${escapeHtml(options.csrf)}">
<input type="hidden" name="sign_in_token" value="${escapeHtml(options.signInToken)}">
<input type="hidden" name="passkey">
<p><button>${signInTexts[options.language].passkey}</button></p>
<p role="alert"></p>
</form>
<script>${passkeyScript}</script>`;
}

export type ContinuePage = SignInStep & { readonly username: string };

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
  return page(title, main, { formAction: formActionOf(returnOrigin), language });
}

/** Renders the question before a sign-out. `form` is oidc-provider's, with its CSRF token. */
export function signOutPage(form: string, language: Language): Page {
  const { title, yes, no } = {
    en: { title: "Sign out", yes: "Sign out", no: "Stay signed in" },
    de: { title: "Abmelden", yes: "Abmelden", no: "Angemeldet bleiben" },
  }[language];
  const main = `<h1>${title}?</h1>
${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>${yes}</button>
<button type="submit" form="op.logoutForm">${no}</button>`;
  // oidc-provider has checked where the application redirects to afterwards.
  return page(title, main, { formAction: ["'self'", "http:", "https:"], language });
}

/** Where a sign-in that waits in this browser goes on. */
export type WaitingSignIn = { readonly path: string; readonly application: string };

/** Renders the link to a sign-in that waits; "" without one. */
export function waitingLink(waiting: WaitingSignIn | undefined, language: Language): string {
  if (waiting === undefined) {
    return "";
  }
  const application = escapeHtml(waiting.application);
  const text = { en: `Continue to ${application}`, de: `Weiter zu ${application}` }[language];
  return `\n<p><a href="${escapeHtml(waiting.path)}">${text}</a></p>`;
}

type EmailPage = { action: "confirm" | "undo"; path: string; token: string; language: Language };

const emailTexts: Texts<Record<EmailPage["action"], { title: string; button: string; done: string }>> = {
  en: {
    confirm: {
      title: "Confirm your e-mail address",
      button: "Confirm",
      done: "Your e-mail address is confirmed",
    },
    undo: {
      title: "Undo the change of your e-mail address",
      button: "Undo it and end all sessions",
      done: "Your e-mail address is restored. A mail for a new password is on its way",
    },
  },
  de: {
    confirm: {
      title: "Bestätigen Sie Ihre E-Mail-Adresse",
      button: "Bestätigen",
      done: "Ihre E-Mail-Adresse ist bestätigt",
    },
    undo: {
      title: "Die Änderung Ihrer E-Mail-Adresse rückgängig machen",
      button: "Rückgängig machen und alle Sitzungen beenden",
      done: "Ihre E-Mail-Adresse ist wiederhergestellt. Eine Mail für ein neues Passwort ist unterwegs",
    },
  },
};

/** Renders the button that uses a token from a mail. */
export function emailPage({ action, path, token, language }: EmailPage): Page {
  const { title, button } = emailTexts[language][action];
  const main = `<h1>${title}</h1>
<form method="post" action="${escapeHtml(path)}">
<input type="hidden" name="token" value="${escapeHtml(token)}">
<button>${button}</button>
</form>`;
  return page(title, main, { formAction: ["'self'"], language });
}

/** Renders that the token was used. */
export function emailDonePage(
  action: EmailPage["action"],
  { language, waiting }: { language: Language; waiting: WaitingSignIn | undefined },
): Page {
  const { title, done } = emailTexts[language][action];
  return page(title, `<h1>${done}</h1>${waitingLink(waiting, language)}`, { language });
}

export function signedOutPage(language: Language): Page {
  const { title, heading } = {
    en: { title: "Signed out", heading: "You are signed out" },
    de: { title: "Abgemeldet", heading: "Sie sind abgemeldet" },
  }[language];
  return page(title, `<h1>${heading}</h1>`, { language });
}

export function errorPage(message: string, language: Language): Page {
  const title = { en: "Something went wrong", de: "Das hat nicht geklappt" }[language];
  return page(title, `<h1>${title}</h1>\n<p>${escapeHtml(message)}</p>`, { language });
}

const formTexts = {
  /** The token or the origin of a form was wrong. */
  foreign: {
    en: "This form is too old or came from another site. Go back and try again.",
    de: "Dieses Formular ist zu alt oder kam von einer anderen Seite. Gehen Sie zurück und versuchen Sie es noch einmal.",
  },
  tooLarge: {
    en: "This form is too large. Go back and shorten what you typed.",
    de: "Dieses Formular ist zu groß. Gehen Sie zurück und kürzen Sie Ihre Eingaben.",
  },
  signInOver: {
    en: "This sign-in has expired or began in another browser. Go back and start again.",
    de: "Diese Anmeldung ist abgelaufen oder begann in einem anderen Browser. Gehen Sie zurück und beginnen Sie noch einmal.",
  },
} as const;

/** Renders why a form was not even looked at. */
export function refusedFormPage(why: keyof typeof formTexts, language: Language): Page {
  return errorPage(formTexts[why][language], language);
}
