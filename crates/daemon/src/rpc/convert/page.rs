//! Pages of lists.

use std::str::FromStr;

use crate::rpc::failure::Failure;

/// Longest page.
const LIMIT_MAX: usize = 1_000;

/// How many items a page has: `default` for 0, at most 1 000.
///
/// # Errors
/// INVALID_ARGUMENT for a negative number.
pub(in crate::rpc) fn limit(page_size: i32, default: usize) -> Result<usize, Failure> {
    match usize::try_from(page_size) {
        Ok(0) => Ok(default),
        Ok(size) => Ok(size.min(LIMIT_MAX)),
        Err(_) => Err(Failure::invalid("page_size", "it is negative")),
    }
}

/// The token of the page before: the last item of it.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(in crate::rpc) fn parse_token<T: FromStr>(token: &str) -> Result<Option<T>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    token.parse().map(Some).map_err(|_| Failure::invalid("page_token", "it is not one that a list gave"))
}

/// The token for the next page: the last item of a full one.
pub(in crate::rpc) fn next_token<T: std::fmt::Display>(len: usize, limit: usize, last: Option<T>) -> String {
    last.filter(|_| len >= limit).map(|last| last.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        for (size, wanted) in [(0, Some(50)), (1, Some(1)), (1_000, Some(1_000)), (i32::MAX, Some(1_000)), (-1, None)] {
            assert_eq!(limit(size, 50).ok(), wanted, "{size}");
        }
        assert_eq!(next_token(2, 2, Some("b")), "b");
        assert_eq!(next_token(1, 2, Some("b")), "");
        assert!(parse_token::<u32>("x").is_err());
    }
}
