//! Whether the value of a setting is a secret, by how it looks.

use super::bytes::{entropy, find, is_token};
use super::naming::Promise;
use super::stand_in::is_stand_in;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// In quotation marks.
    pub(super) quoted: bool,
    /// Behind a sign that gives a value to a name, not one that parts arguments or cells.
    pub(super) given: bool,
}

/// Whether a value has anything of a secret at all, seen quickly: a digit, a sign that words do not have, or letters of both cases.
pub(super) fn may_be_secret(value: &[u8], written: Written) -> bool {
    let (mut digits, mut signs, mut turns, mut was_small) = (0, 0, 0, false);
    for byte in value {
        digits += usize::from(byte.is_ascii_digit());
        signs += usize::from(byte.is_ascii_punctuation() && !b"_-.:/()[]{}<>,;'\"`\\&*".contains(byte));
        turns += usize::from(was_small && byte.is_ascii_uppercase());
        was_small = byte.is_ascii_lowercase();
    }
    value.len() >= 5 && (digits > 0 || signs > 0 || is_mixed(value) || (turns >= 3 && (written.quoted || value.len() >= 24)))
}

/// Whether a value that a setting of this promise has is a secret.
pub(super) fn is_secret(value: &[u8], promise: Promise, written: Written) -> bool {
    if is_stand_in(value) || is_place(value) {
        return false;
    }
    match promise {
        Promise::Password => is_password(value, written) || is_token_value(value, Promise::Token, written),
        Promise::Token => is_token_value(value, promise, written) || (written.given && is_odd(value, written)),
        Promise::Weak => value.len() >= 20 && entropy(value) >= 3.5 && is_token_value(value, promise, written),
    }
}

/// A password: no word, no code, no sentence.
fn is_password(value: &[u8], written: Written) -> bool {
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let sign = |byte: &u8| byte.is_ascii_punctuation() && !b"_-.:/".contains(byte);
    let (digit, letter, small, great) =
        (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic), has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase));
    let spaces = value.iter().filter(|byte| **byte == b' ').count();
    if value.len() < 5 || spaces > 1 || !value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ' || !byte.is_ascii()) {
        return false;
    }
    let least = if written.quoted && written.given { 5 } else { 6 };
    if value.len() < least || (!written.quoted && is_code(value)) {
        return false;
    }
    let odd = has(|byte| byte.is_ascii_punctuation() && !b"_-.:/()[]{}<>,;'\"`\\".contains(byte));
    if letter && digit {
        return spaces == 0 && (written.given || is_random(value)) && !is_versioned_word(value, written);
    }
    if letter && odd && spaces == 0 {
        return written.given && (written.quoted || value.len() >= 8);
    }
    if digit && !letter {
        return written.given && value.len() >= 6 && (has(sign) || written.quoted) && !is_number(value);
    }
    if is_mixed(value) {
        return written.given;
    }
    // Letters only: those that no word has.
    small && great && written.given && written.quoted && value.len() >= 8 && spaces == 0 && humps(value) >= 3
}

/// `sha256`, `v1`, `utf8`: a word with its number, where nobody quotes a password so.
fn is_versioned_word(value: &[u8], written: Written) -> bool {
    let digits = value.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let word = value.get(..value.len() - digits).unwrap_or_default();
    !written.quoted && value.len() < 6 && word.iter().all(u8::is_ascii_lowercase)
}

fn is_number(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_digit() || b".,_-:+ ".contains(byte)) && value.len() < 6
}

/// How often a great letter follows a small one, or the other way within a word.
fn humps(value: &[u8]) -> usize {
    value.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase())).count()
}

/// A token: random letters and digits.
fn is_token_value(value: &[u8], promise: Promise, written: Written) -> bool {
    let least = match (promise, written.quoted) {
        (Promise::Weak, _) => 20,
        (_, true) => 10,
        (_, false) => 12,
    };
    if value.len() < least || !value.iter().all(|byte| is_token(*byte) || b":%|!@$".contains(byte)) || is_code(value) {
        return false;
    }
    if is_uuid(value) {
        return promise > Promise::Weak && written.given;
    }
    // Arguments and cells are names of something more often than not.
    if !written.given
        && !written.quoted
        && (value.len() < 16 || value.iter().any(|byte| b"_.".contains(byte)) || digits(value) < 2)
    {
        return false;
    }
    if promise == Promise::Weak && (is_digest(value) || value.contains(&b'/') && !value.ends_with(b"=")) {
        return false;
    }
    is_random(value) && !is_dated_name(value)
}

/// Great and small letters, each a third or more: no word is written so, nor a name of several.
fn is_mixed(value: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| value.iter().filter(|byte| is(byte)).count();
    let (small, great) = (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    value.len() >= 10 && value.iter().all(u8::is_ascii_alphanumeric) && small * 3 >= value.len() && great * 3 >= value.len()
}

fn digits(value: &[u8]) -> usize {
    value.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Letters and digits in turns, and no few of them again and again.
fn is_random(value: &[u8]) -> bool {
    let kind = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_alphabetic());
    let turns = value.windows(2).filter(|pair| matches!(pair, [a, b] if kind(*a) == (true, false) && kind(*b) == (false, true) || kind(*a) == (false, true) && kind(*b) == (true, false))).count();
    let least = (value.len() / 14).max(2);
    let bits = entropy(value);
    if turns >= least {
        return bits >= 2.6;
    }
    if value.len() >= 12 && is_mixed(value) {
        return bits >= 2.8;
    }
    // No digit at all is a matter of luck for short tokens of letters, of base64 above all.
    value.len() >= 16 && bits >= 3.7 && humps(value) * 6 >= value.len() && turns >= 1
        || (value.len() >= 24 && bits >= 4.0 && humps(value) * 6 >= value.len())
}

/// A value with signs that tokens do not have, in quotation marks: `s3cr3t!pass`.
fn is_odd(value: &[u8], written: Written) -> bool {
    written.quoted
        && value.len() >= 8
        && !value.contains(&b' ')
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(|byte| b"!@#$%^&*?".contains(byte))
        && value.iter().any(u8::is_ascii_alphabetic)
}

/// Paths and addresses: where something is.
fn is_place(value: &[u8]) -> bool {
    let begins = |start: &[u8]| value.starts_with(start);
    begins(b"http://")
        || begins(b"https://")
        || begins(b"./")
        || begins(b"../")
        || begins(b"~/")
        || begins(b"/etc/")
        || begins(b"/run/")
        || begins(b"/var/")
        || begins(b"/home/")
        || begins(b"/usr/")
        || begins(b"/tmp/")
        || begins(b"/opt/")
        || begins(b"//")
        || begins(b"spiffe://")
        || begins(b"projects/")
}

/// Calls, fields and operators of a program: `get_password()`, `self.password`, `a::b`, `x[0]`.
fn is_code(value: &[u8]) -> bool {
    let opens = |open: u8| value.iter().position(|byte| *byte == open);
    let called = opens(b'(').or_else(|| opens(b'[')).is_some_and(|place| {
        let head = value.get(..place).unwrap_or_default();
        place > 0 && head.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.:&*!".contains(byte))
    });
    let paths = find(value, b"::").is_some()
        || find(value, b"->").is_some()
        || find(value, b"=>").is_some()
        || find(value, b"${").is_some();
    called || paths || is_dotted_name(value)
}

/// `settings.database.password`, `example.com`: names of fields, hosts and modules, without digits in turns.
fn is_dotted_name(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b'.').peekable();
    let several = value.contains(&b'.');
    let named = |part: &[u8]| {
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        !part.is_empty()
            && part.len() <= 24
            && part.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte))
            && (digits <= 2 || digits == part.len())
    };
    several && parts.all(named)
}

/// A name of parts, each a word or a number: `my-token-2024-01`.
fn is_dated_name(value: &[u8]) -> bool {
    let whole = |part: &[u8]| {
        part.iter().all(u8::is_ascii_digit)
            || part.iter().all(u8::is_ascii_lowercase)
            || part.iter().all(u8::is_ascii_uppercase)
            || (part.len() <= 4 && part.iter().all(u8::is_ascii_alphanumeric))
    };
    value.len() < 40 && value.iter().any(|byte| b"-_./:".contains(byte)) && value.split(|byte| b"-_./:".contains(byte)).all(whole)
}

/// Whether a value is written as RFC 9562 writes an identifier.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(place, byte)| if matches!(place, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// Whether a value is as long as a digest in hexadecimal digits is.
fn is_digest(value: &[u8]) -> bool {
    matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128) && value.iter().all(u8::is_ascii_hexdigit)
}
