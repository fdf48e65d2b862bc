import type { Language, Texts } from "./language.ts";
import { alertOf, escapeHtml, type Field, type FormError, fieldOf, type Page, page } from "./page.ts";
import { formActionOf, type SignInStep, type WaitingSignIn, waitingLink } from "./pages.ts";

// The pages by which people get an account, and back into it.

type AccountTexts = {
  readonly register: string;
  readonly registerFor: (application: string) => string;
  readonly username: string;
  readonly usernameHint: string;
  readonly email: string;
  readonly emailHint: string;
  readonly password: string;
  readonly newPassword: string;
  readonly passwordHint: (least: number) => string;
  readonly create: string;
  readonly signIn: string;
  readonly confirmTitle: string;
  readonly confirmFirst: (email: string, application: string) => string;
  readonly mailAgain: string;
  readonly mailedAgain: string;
  readonly readyTitle: string;
  readonly ready: (username: string) => string;
  readonly go: (application: string) => string;
  readonly forgotTitle: string;
  readonly forgot: string;
  readonly sendMail: string;
  readonly sentTitle: string;
  readonly sent: string;
  readonly resetTitle: string;
  readonly save: string;
  readonly savedTitle: string;
  readonly saved: string;
  readonly newMail: string;
};

const texts: Texts<AccountTexts> = {
  en: {
    register: "Create an account",
    registerFor: (application) => `to continue to ${application}`,
    username: "Name to sign in with",
    usernameHint: "3 to 50 letters without accents, digits, or any of _ . + -",
    email: "E-mail address",
    emailHint: "You get a mail to confirm it.",
    password: "Password",
    newPassword: "New password",
    passwordHint: (least) => `At least ${least} characters.`,
    create: "Create the account",
    signIn: "Sign in with an account that you have",
    confirmTitle: "Confirm your e-mail address",
    confirmFirst: (email, application) =>
      `A mail is on its way to ${email}. Open the link in it, then continue to ${application} here.`,
    mailAgain: "Send the mail again",
    mailedAgain: "If the mail has not been sent too often already, it is on its way again.",
    readyTitle: "Your account is ready",
    ready: (username) => `You can continue as ${username}.`,
    go: (application) => `Continue to ${application}`,
    forgotTitle: "Forgot your password?",
    forgot: "Give the e-mail address of your account. You get a mail with a link to choose a new password.",
    sendMail: "Send the mail",
    sentTitle: "See your mail",
    sent: "If an account has this e-mail address, a mail with a link is on its way there.",
    resetTitle: "Choose a new password",
    save: "Save the password",
    savedTitle: "Your password is changed",
    saved: "All your sessions have ended. Sign in with the new password.",
    newMail: "Ask for a new mail",
  },
  de: {
    register: "Konto anlegen",
    registerFor: (application) => `um mit ${application} fortzufahren`,
    username: "Name zum Anmelden",
    usernameHint: "3 bis 50 Buchstaben ohne Akzente, Ziffern oder eines von _ . + -",
    email: "E-Mail-Adresse",
    emailHint: "Sie erhalten eine Mail, um sie zu bestätigen.",
    password: "Passwort",
    newPassword: "Neues Passwort",
    passwordHint: (least) => `Mindestens ${least} Zeichen.`,
    create: "Konto anlegen",
    signIn: "Mit einem vorhandenen Konto anmelden",
    confirmTitle: "Bestätigen Sie Ihre E-Mail-Adresse",
    confirmFirst: (email, application) =>
      `Eine Mail an ${email} ist unterwegs. Öffnen Sie den Link darin und gehen Sie dann hier weiter zu ${application}.`,
    mailAgain: "Mail noch einmal senden",
    mailedAgain: "Wenn die Mail nicht schon zu oft gesendet wurde, ist sie noch einmal unterwegs.",
    readyTitle: "Ihr Konto ist bereit",
    ready: (username) => `Sie können als ${username} weitergehen.`,
    go: (application) => `Weiter zu ${application}`,
    forgotTitle: "Passwort vergessen?",
    forgot:
      "Geben Sie die E-Mail-Adresse Ihres Kontos an. Sie erhalten eine Mail mit einem Link für ein neues Passwort.",
    sendMail: "Mail senden",
    sentTitle: "Sehen Sie in Ihre Mails",
    sent: "Wenn ein Konto diese E-Mail-Adresse hat, ist eine Mail mit einem Link dorthin unterwegs.",
    resetTitle: "Wählen Sie ein neues Passwort",
    save: "Passwort speichern",
    savedTitle: "Ihr Passwort ist geändert",
    saved: "Alle Ihre Sitzungen sind beendet. Melden Sie sich mit dem neuen Passwort an.",
    newMail: "Neue Mail anfordern",
  },
};

export type RegisterPage = SignInStep & {
  /** Names this form, so that sending it twice makes one account. */
  readonly formId: string;
  readonly username: string;
  readonly email: string;
  readonly error: FormError | undefined;
  readonly minPasswordLength: number;
  readonly signInPath: string;
};

export function registerPage(options: RegisterPage): Page {
  const { action, csrf, formId, username, email, error, returnOrigin, language } = options;
  const text = texts[language];
  const fields: readonly Field[] = [
    {
      name: "username",
      label: text.username,
      value: username,
      autocomplete: "username",
      hint: text.usernameHint,
      attributes: 'autocapitalize="none" spellcheck="false" maxlength="50"',
      isFirst: true,
    },
    {
      name: "email",
      label: text.email,
      type: "email",
      value: email,
      autocomplete: "email",
      hint: text.emailHint,
      attributes: 'maxlength="254"',
    },
    {
      name: "password",
      label: text.password,
      type: "password",
      autocomplete: "new-password",
      hint: text.passwordHint(options.minPasswordLength),
    },
  ];
  const main = `<h1>${text.register}</h1>
<p>${text.registerFor(escapeHtml(options.application))}</p>
${alertOf(error)}
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<input type="hidden" name="form_id" value="${escapeHtml(formId)}">
${fields.map((field) => fieldOf(field, error)).join("\n")}
<button>${text.create}</button>
</form>
<p><a href="${escapeHtml(options.signInPath)}">${text.signIn}</a></p>`;
  return page(text.register, main, { formAction: formActionOf(returnOrigin), language });
}

export type RegisteredPage = SignInStep & {
  readonly username: string;
  readonly email: string;
  readonly mustConfirm: boolean;
  readonly wasMailedAgain: boolean;
  readonly error: FormError | undefined;
};

/** Renders the way on after a registration, or what is still missing for it. */
export function registeredPage(options: RegisteredPage): Page {
  const { action, csrf, username, email, mustConfirm, wasMailedAgain, error, returnOrigin, language } = options;
  const text = texts[language];
  const application = escapeHtml(options.application);
  const title = mustConfirm ? text.confirmTitle : text.readyTitle;
  const main = `<h1>${title}</h1>
<p>${mustConfirm ? text.confirmFirst(escapeHtml(email), application) : text.ready(escapeHtml(username))}</p>
${alertOf(error)}${wasMailedAgain ? `<p role="status">${text.mailedAgain}</p>` : ""}
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="csrf" value="${escapeHtml(csrf)}">
<button name="do" value="continue" autofocus>${text.go(application)}</button>
${mustConfirm ? `<button name="do" value="mail">${text.mailAgain}</button>` : ""}
</form>`;
  return page(title, main, { formAction: formActionOf(returnOrigin), language });
}

type ForgotPage = {
  readonly action: string;
  readonly email: string;
  readonly error: FormError | undefined;
  readonly language: Language;
};

export function forgotPage({ action, email, error, language }: ForgotPage): Page {
  const text = texts[language];
  const field: Field = {
    name: "email",
    label: text.email,
    type: "email",
    value: email,
    autocomplete: "email",
    attributes: 'maxlength="254"',
    isFirst: true,
  };
  const main = `<h1>${text.forgotTitle}</h1>
<p>${text.forgot}</p>
${alertOf(error)}
<form method="post" action="${escapeHtml(action)}">
${fieldOf(field, error)}
<button>${text.sendMail}</button>
</form>`;
  return page(text.forgotTitle, main, { formAction: ["'self'"], language });
}

/** Renders the answer to a form for a new password: the same for every address. */
export function forgotSentPage({ language, waiting }: After): Page {
  const text = texts[language];
  const main = `<h1>${text.sentTitle}</h1>\n<p>${text.sent}</p>${waitingLink(waiting, language)}`;
  return page(text.sentTitle, main, { language });
}

type After = { readonly language: Language; readonly waiting: WaitingSignIn | undefined };

type ResetPage = {
  readonly action: string;
  readonly token: string;
  readonly error: FormError | undefined;
  readonly minPasswordLength: number;
  readonly forgotPath: string;
  readonly language: Language;
};

export function resetPage({ action, token, error, minPasswordLength, forgotPath, language }: ResetPage): Page {
  const text = texts[language];
  const field: Field = {
    name: "password",
    label: text.newPassword,
    type: "password",
    autocomplete: "new-password",
    hint: text.passwordHint(minPasswordLength),
    isFirst: true,
  };
  const main = `<h1>${text.resetTitle}</h1>
${alertOf(error)}
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="token" value="${escapeHtml(token)}">
${fieldOf(field, error)}
<button>${text.save}</button>
</form>
<p><a href="${escapeHtml(forgotPath)}">${text.newMail}</a></p>`;
  return page(text.resetTitle, main, { formAction: ["'self'"], language });
}

export function resetDonePage({ language, waiting }: After): Page {
  const text = texts[language];
  const main = `<h1>${text.savedTitle}</h1>\n<p>${text.saved}</p>${waitingLink(waiting, language)}`;
  return page(text.savedTitle, main, { language });
}
