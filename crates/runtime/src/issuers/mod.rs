//! Outside issuers: their keys, fetched seldom and believed for a while.

mod key_cache;

pub use key_cache::{FRESH_MS, KeyCache, REFETCH_MS, STALE_MS_MAX, Unavailable};

#[cfg(test)]
mod tests;
