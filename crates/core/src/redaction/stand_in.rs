//! What stands where a secret will stand: references to it, placeholders, examples of documentation.

use super::bytes::{find, is_name, is_word};

/// Parts of values that nobody would choose for a secret.
const PARTS: [&[u8]; 26] = [
    b"example",
    b"changeme",
    b"change_me",
    b"change-me",
    b"changeit",
    b"placeholder",
    b"your_",
    b"your-",
    b"yourpass",
    b"yourtoken",
    b"yourkey",
    b"yoursecret",
    b"xxxxx",
    b"*****",
    b".....",
    b"dummy",
    b"redacted",
    b"insert_",
    b"insert-",
    b"replace",
    b"secret://",
    b"<your",
    b"_here",
    b"-here",
    b"123456789012345",
    b"abcdefghijklmnop",
];

/// Parts of tokens with a shape of their own that documentation shows: random letters hold none of them. An alphabet in a row is
/// none: whoever makes a token up writes it, and so do those who try what is covered.
const SAMPLES: [&[u8]; 7] = [b"example", b"xxxxx", b"*****", b".....", b"placeholder", b"redacted", b"yourtoken"];

/// Whether a token is one that documentation shows.
pub(super) fn is_sample(token: &[u8]) -> bool {
    SAMPLES.iter().any(|part| find(token, part).is_some())
}

/// Beginnings of references to secrets that are kept elsewhere, and of calls that read them.
const REFERENCES: [&[u8]; 26] = [
    b"env:",
    b"file:",
    b"vault:",
    b"secret:",
    b"op://",
    b"arn:",
    b"ref+",
    b"awssm:",
    b"gcp-secret:",
    b"keyring:",
    b"os.environ",
    b"os.getenv",
    b"process.env",
    b"getenv",
    b"env.",
    b"env(",
    b"secrets.",
    b"vars.",
    b"var.",
    b"local.",
    b"data.",
    b"module.",
    b"config.",
    b"settings.",
    b"self.",
    b"this.",
];

/// Values that say that there is none.
const NOTHING: [&[u8]; 30] = [
    b"true",
    b"false",
    b"null",
    b"none",
    b"nil",
    b"undefined",
    b"string",
    b"str",
    b"text",
    b"bytes",
    b"optional",
    b"required",
    b"password",
    b"passwd",
    b"secret",
    b"token",
    b"key",
    b"value",
    b"test",
    b"todo",
    b"tbd",
    b"n/a",
    b"empty",
    b"default",
    b"unset",
    b"hidden",
    b"masked",
    b"foobar",
    b"any",
    b"bool",
];

/// Whether a value stands for a secret instead of being one.
pub(super) fn is_stand_in(value: &[u8]) -> bool {
    let holds = |part: &&[u8]| find(value, part).is_some();
    let begins = |start: &&[u8]| value.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    value.is_empty()
        || PARTS.iter().any(holds)
        || REFERENCES.iter().any(begins)
        || NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word))
        || is_template(value)
        || is_one_letter(value)
}

/// `${NAME}`, `$NAME`, `$(command)`, `{{ name }}`, `{name}`, `<name>`, `%NAME%`, `%s`, `[name]`, `@name@`, `#{name}`.
fn is_template(value: &[u8]) -> bool {
    match value {
        [b'$', b'{' | b'(', ..]
        | [b'{', b'{', ..]
        | [b'<', .., b'>']
        | [b'[', .., b']']
        | [b'#', b'{', ..]
        | [b'$', b'[', ..] => true,
        [b'{', inside @ .., b'}'] | [b'@', inside @ .., b'@'] => inside.iter().all(|byte| is_name(*byte)),
        [b'%', inside @ .., b'%'] => inside.iter().all(|byte| is_word(*byte)),
        [b'$', rest @ ..] => rest.iter().all(|byte| is_word(*byte)) && !rest.iter().any(u8::is_ascii_digit) || rest.len() <= 1,
        [b'%', _] => true,
        _ => false,
    }
}

/// One character again and again, or hardly any other: `xxxxxxxx`, `--------`, `00000000`.
fn is_one_letter(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    value.len() > 2 && value.iter().all(|byte| byte == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_references_are_no_secrets() {
        for text in [
            "",
            "${DB_PASSWORD}",
            "$DB_PASSWORD",
            "$(cat key)",
            "{{ password }}",
            "{password}",
            "<your-key>",
            "%DB_PASSWORD%",
            "%s",
            "[password]",
            "secret://acme/token",
            "env:TOKEN",
            "os.environ['X']",
            "process.env.X",
            "changeme-0123",
            "AKIAIOSFODNN7EXAMPLE",
            "xxxxxxxx",
            "aaaa",
            "null",
            "True",
            "op://vault/item",
            "***",
            "@password@",
            "#{password}",
            "YOUR_API_KEY",
            "[redacted:password]",
            "$[variables.x]",
        ] {
            assert!(is_stand_in(text.as_bytes()), "{text}");
        }
        for text in ["hunter2", "$ecr3t!", "{p4ss", "%41%42cd", "Zk3vQ9xLm2Rt7Yp4", "p@ss<word>1"] {
            assert!(!is_stand_in(text.as_bytes()), "{text}");
        }
    }
}
