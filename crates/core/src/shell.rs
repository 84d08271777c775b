//! Words of commands that people are told to run.

use std::borrow::Cow;

/// The text as one word of a POSIX shell: as it is where nothing in it means anything there, else in single quotes.
#[must_use]
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | ',' | '@' | '%');
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for plain in ["/srv/box/scalbotics.toml", "./a-b_c.d", "/heim/jürgen", "a@b:c,d+e%f"] {
            assert_eq!(shell_word(plain), plain);
        }
        for (text, wanted) in [
            ("", "''"),
            ("/my place/x", "'/my place/x'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("a;b", "'a;b'"),
            ("~", "'~'"),
            ("a\nb", "'a\nb'"),
            ("`x`", "'`x`'"),
            ("a=b", "'a=b'"),
        ] {
            assert_eq!(shell_word(text), wanted);
        }
    }
}
