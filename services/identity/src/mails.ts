import { mailName } from "@sagacart/chassis/mail-name";
import type { Mail } from "./mailer.ts";

// The mails about accounts. A user has no language here, so each mail has both of the shop's, as the notifier's templates.

type Reader = { readonly to: string; readonly username: string };
type Text = { readonly subject: string; readonly text: string };

/** Makes a mail of its two versions. A token or link is shown once, between them. */
function bilingual(to: string, { en, de, link }: { en: Text; de: Text; link?: string }): Mail {
  const middle = link === undefined ? "" : `\n${link}\n`;
  return {
    to,
    subject: `${en.subject} / ${de.subject}`,
    text: `${en.text}\n${middle}\n---\n\n${de.text}\n`,
  };
}

/** Returns the first line. Whoever registers chooses the user name, and the address too. */
function greeting(word: string, username: string): string {
  const name = mailName(username);
  return name === "" ? `${word},` : `${word} ${name},`;
}

/** Makes the mail with the link by which an address is confirmed. */
export function confirmMail({ to, username, link, hours }: Reader & { link: string; hours: number }): Mail {
  return bilingual(to, {
    link,
    en: {
      subject: "Confirm your e-mail address",
      text: `${greeting("Hello", username)}

please confirm that this is your e-mail address. The link below can be used once, within ${hours} hours. If you did not ask
for it, ignore this mail.`,
    },
    de: {
      subject: "Bestätigen Sie Ihre E-Mail-Adresse",
      text: `${greeting("Guten Tag", username)}

bitte bestätigen Sie, dass dies Ihre E-Mail-Adresse ist. Der Link oben gilt einmal und ${hours} Stunden lang. Wenn Sie ihn
nicht angefordert haben, ignorieren Sie diese Mail.`,
    },
  });
}

/** Makes the mail to the owner of an address that somebody else has given as theirs. */
export function addressKnownMail({ to, username }: Reader): Mail {
  return bilingual(to, {
    en: {
      subject: "You already have an account",
      text: `${greeting("Hello", username)}

somebody gave this e-mail address for an account. It belongs to yours already, so nothing was changed. If it was you, sign in
with your user name, or ask for a new password. If not, ignore this mail.`,
    },
    de: {
      subject: "Sie haben bereits ein Konto",
      text: `${greeting("Guten Tag", username)}

jemand hat diese E-Mail-Adresse für ein Konto angegeben. Sie gehört bereits zu Ihrem, daher wurde nichts geändert. Wenn Sie es
waren, melden Sie sich mit Ihrem Benutzernamen an oder fordern Sie ein neues Passwort an. Wenn nicht, ignorieren Sie diese Mail.`,
    },
  });
}

/** Makes the mail to the former address after a change, with the link to undo it. */
export function emailChangedMail(mail: Reader & { email: string; link: string; days: number }): Mail {
  const { to, username, email, link, days } = mail;
  return bilingual(to, {
    link,
    en: {
      subject: "Your e-mail address was changed",
      text: `${greeting("Hello", username)}

the e-mail address of your account is now ${email}. If you did not change it, undo that with the link below, within ${days}
days: all sessions end, and you get a mail for a new password.`,
    },
    de: {
      subject: "Ihre E-Mail-Adresse wurde geändert",
      text: `${greeting("Guten Tag", username)}

die E-Mail-Adresse Ihres Kontos ist jetzt ${email}. Wenn Sie das nicht waren, machen Sie es mit dem Link oben rückgängig,
innerhalb von ${days} Tagen: Alle Sitzungen enden, und Sie erhalten eine Mail für ein neues Passwort.`,
    },
  });
}

/** Makes the mail with the link for a new password. */
export function resetMail({ to, username, link, minutes }: Reader & { link: string; minutes: number }): Mail {
  return bilingual(to, {
    link,
    en: {
      subject: "A new password",
      text: `${greeting("Hello", username)}

we received a request for a new password for your account. The link below can be used once, within ${minutes} minutes. If you
did not ask for it, ignore this mail: your password stays as it is.`,
    },
    de: {
      subject: "Ein neues Passwort",
      text: `${greeting("Guten Tag", username)}

für Ihr Konto wurde ein neues Passwort angefordert. Der Link oben gilt einmal und ${minutes} Minuten lang. Wenn Sie es nicht
waren, ignorieren Sie diese Mail: Ihr Passwort bleibt, wie es ist.`,
    },
  });
}

/** Makes the mail after a change of the password. */
export function passwordChangedMail({ to, username }: Reader): Mail {
  return bilingual(to, {
    en: {
      subject: "Your password was changed",
      text: `${greeting("Hello", username)}

your password was changed, and your other sessions were signed out. If this was not you, ask for a new password now.`,
    },
    de: {
      subject: "Ihr Passwort wurde geändert",
      text: `${greeting("Guten Tag", username)}

Ihr Passwort wurde geändert, und Ihre anderen Sitzungen wurden abgemeldet. Wenn Sie das nicht waren, fordern Sie jetzt ein
neues Passwort an.`,
    },
  });
}

/** Makes the mail to a user whose second factors an operator has removed. */
export function factorsResetMail({ to, username }: Reader): Mail {
  return bilingual(to, {
    en: {
      subject: "Your second factors were removed",
      text: `Hello ${username},

an operator of the shop has removed your second factors, and all your sessions have ended. Sign in and enroll new ones. If
you did not ask for it, tell us.`,
    },
    de: {
      subject: "Ihre zweiten Faktoren wurden entfernt",
      text: `Guten Tag ${username},

der Betreiber des Shops hat Ihre zweiten Faktoren entfernt, und alle Ihre Sitzungen sind beendet. Melden Sie sich an, und
richten Sie neue ein. Wenn Sie das nicht gewünscht haben, sagen Sie uns Bescheid.`,
    },
  });
}
