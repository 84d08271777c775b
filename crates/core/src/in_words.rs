//! Errors as people read them.

use std::error::Error;

/// An error and what it comes from, on one line.
#[must_use]
pub fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(": ");
        words.push_str(&error.to_string());
        source = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[derive(Debug, thiserror::Error)]
    #[error("the list cannot be read")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn an_error_is_said_with_its_sources() {
        let inner = "x".parse::<u8>().unwrap_err();
        assert_eq!(in_words(&inner), "invalid digit found in string");
        assert_eq!(in_words(&Outer(inner)), "the list cannot be read: invalid digit found in string");
    }
}
