//! What the name of a setting says about its value.

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    /// Something that is called a key or the like: only what looks very random is one.
    Weak,
    /// A key or token: what looks random is one.
    Token,
    /// A password: whatever is no word is one.
    Password,
}

/// Last words, or ends of the last word, of names of passwords.
const PASSWORDS: [&[u8]; 12] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"passcode",
    b"pwd",
    b"passwort",
    b"contrasena",
    b"motdepasse",
    b"senha",
    b"wachtwoord",
    b"userpass",
    b"dbpass",
];

/// Whole last words of names of passwords and of tokens, which other words end with too.
const SHORT_PASSWORDS: [&[u8]; 3] = [b"pass", b"pw", b"psw"];
const SHORT_TOKENS: [&[u8]; 2] = [b"sig", b"tkn"];

/// Ends of last words of names of tokens.
const TOKENS: [&[u8]; 14] = [
    b"token",
    b"secret",
    b"apikey",
    b"accesskey",
    b"secretkey",
    b"privatekey",
    b"authkey",
    b"credential",
    b"credentials",
    b"creds",
    b"signingkey",
    b"encryptionkey",
    b"sharedkey",
    b"accountkey",
];

/// Words before `key` that make it a secret one.
const KEYS_OF: [&[u8]; 42] = [
    b"api",
    b"access",
    b"secret",
    b"private",
    b"auth",
    b"encryption",
    b"encrypt",
    b"signing",
    b"sign",
    b"signature",
    b"master",
    b"service",
    b"account",
    b"app",
    b"application",
    b"client",
    b"license",
    b"licence",
    b"shared",
    b"storage",
    b"consumer",
    b"deploy",
    b"ssh",
    b"aes",
    b"hmac",
    b"jwt",
    b"webhook",
    b"session",
    b"cookie",
    b"integration",
    b"admin",
    b"root",
    b"user",
    b"write",
    b"read",
    b"ingest",
    b"subscription",
    b"functions",
    b"secure",
    b"auth0",
    b"stripe",
    b"aws",
];

/// Words before `key` or `token` that make it none.
const NO_SECRETS_OF: [&[u8]; 50] = [
    b"public",
    b"pub",
    b"primary",
    b"foreign",
    b"partition",
    b"sort",
    b"cache",
    b"idempotency",
    b"page",
    b"next",
    b"previous",
    b"continuation",
    b"pad",
    b"eos",
    b"bos",
    b"sep",
    b"unk",
    b"cls",
    b"mask",
    b"special",
    b"lock",
    b"row",
    b"hash",
    b"index",
    b"object",
    b"routing",
    b"dedup",
    b"dedupe",
    b"unique",
    b"natural",
    b"composite",
    b"map",
    b"dict",
    b"sync",
    b"i18n",
    b"translation",
    b"message",
    b"group",
    b"host",
    b"known",
    b"site",
    b"publishable",
    b"sitekey",
    b"bucket",
    b"shortcut",
    b"hot",
    b"registry",
    b"ordering",
    b"cancellation",
    b"resume",
];

/// Words behind a secret word that do not change what it is.
const ADDITIONS: [&[u8]; 22] = [
    b"value",
    b"val",
    b"string",
    b"str",
    b"base64",
    b"b64",
    b"hex",
    b"plain",
    b"plaintext",
    b"text",
    b"prod",
    b"production",
    b"dev",
    b"staging",
    b"test",
    b"live",
    b"new",
    b"old",
    b"default",
    b"current",
    b"raw",
    b"encoded",
];

/// Words that say that a value is about a secret: its length, its place, its name.
const ABOUT: [&[u8]; 34] = [
    b"id",
    b"ids",
    b"name",
    b"names",
    b"count",
    b"type",
    b"url",
    b"uri",
    b"path",
    b"file",
    b"length",
    b"len",
    b"size",
    b"limit",
    b"expiry",
    b"expires",
    b"ttl",
    b"field",
    b"label",
    b"policy",
    b"hint",
    b"algorithm",
    b"endpoint",
    b"format",
    b"version",
    b"prefix",
    b"index",
    b"ref",
    b"hash",
    b"digest",
    b"fingerprint",
    b"usage",
    b"env",
    b"var",
];

/// Most words of a name that are looked at, from the last.
const WORDS_MAX: usize = 4;

/// What a name says; `before` are words that stand before it, parted by spaces.
pub(super) fn promise(before: &[u8], name: &[u8]) -> Option<Promise> {
    let words = words(before, name);
    let mut last = words.iter().rev();
    let mut word = last.next()?;
    while is_one_of(word, &ADDITIONS) {
        word = last.next()?;
    }
    let previous = last.next().map(Vec::as_slice).unwrap_or_default();
    let ends = |ends: &[&[u8]]| ends.iter().any(|end| word.ends_with(end));
    if ends(&PASSWORDS) || is_one_of(word, &SHORT_PASSWORDS) {
        return Some(Promise::Password);
    }
    if is_one_of(previous, &NO_SECRETS_OF) {
        return None;
    }
    if ends(&TOKENS) || is_one_of(word, &SHORT_TOKENS) {
        return Some(Promise::Token);
    }
    if word.as_slice() == b"key" {
        return Some(if is_one_of(previous, &KEYS_OF) { Promise::Token } else { Promise::Weak });
    }
    let weak: &[&[u8]] = &[b"auth", b"authorization", b"session", b"sessionid", b"sid", b"cookie", b"access", b"pat"];
    (is_one_of(word, weak) || (word.ends_with(b"key") && word.len() > 5)).then_some(Promise::Weak)
}

/// Whether a text is about a secret and not one.
pub(super) fn is_about(text: &[u8]) -> bool {
    text.split(|byte| !byte.is_ascii_alphanumeric()).any(|word| is_one_of(&word.to_ascii_lowercase(), &ABOUT))
}

fn is_one_of(word: &[u8], of: &[&[u8]]) -> bool {
    of.contains(&word)
}

/// The last words of a name in small letters: parted by signs, and where a great letter follows a small one.
fn words(before: &[u8], name: &[u8]) -> Vec<Vec<u8>> {
    let mut words = vec![Vec::new()];
    let mut was_small = false;
    for byte in before.iter().chain(b" ").chain(name) {
        let parted = !byte.is_ascii_alphanumeric();
        if parted || (was_small && byte.is_ascii_uppercase()) {
            words.push(Vec::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !parted) {
            word.push(byte.to_ascii_lowercase());
        }
        was_small = byte.is_ascii_lowercase() || byte.is_ascii_digit();
    }
    for word in &mut words {
        let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        word.truncate(word.len() - digits);
    }
    words.retain(|word| !word.is_empty());
    let extra = words.len().saturating_sub(WORDS_MAX);
    words.split_off(extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_promise_by_their_last_words() {
        for (name, wanted) in [
            ("password", Some(Promise::Password)),
            ("DB_PASSWORD", Some(Promise::Password)),
            ("dbPassword", Some(Promise::Password)),
            ("mysql_root_pwd", Some(Promise::Password)),
            ("spring.datasource.password", Some(Promise::Password)),
            ("userpassword", Some(Promise::Password)),
            ("password2", Some(Promise::Password)),
            ("PASSWORD_PROD", Some(Promise::Password)),
            ("smtp_pass", Some(Promise::Password)),
            ("compass", None),
            ("bypass", None),
            ("password_hash", None),
            ("passwordFile", None),
            ("api_key", Some(Promise::Token)),
            ("apiKey", Some(Promise::Token)),
            ("X-Api-Key", Some(Promise::Token)),
            ("adafruitToken", Some(Promise::Token)),
            ("client_secret", Some(Promise::Token)),
            ("token_count", None),
            ("max_tokens", None),
            ("tokenizer", None),
            ("primary_key", None),
            ("publicKey", None),
            ("nextPageToken", None),
            ("idempotency-key", None),
            ("key", Some(Promise::Weak)),
            ("monkey", Some(Promise::Weak)),
            ("secret_name", None),
            ("author", None),
            ("authority", None),
        ] {
            assert_eq!(promise(b"", name.as_bytes()), wanted, "{name}");
        }
        assert_eq!(promise(b"the API", b"key"), Some(Promise::Token));
        assert!(is_about(b" file path") && !is_about(b" for prod"));
    }
}
