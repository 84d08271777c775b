//! Values as columns: ids as big-endian blobs, numbers as 64-bit integers, documents as JSON.

use scalbotics_core::ports::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{corrupt, refused};

/// An id's 128 bits as a blob that sorts like the id.
pub(super) const fn blob(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// A blob that sorts after every id.
pub(super) const BEYOND: [u8; 17] = [0xff; 17];

/// A count as a column.
pub(super) fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| corrupt(format!("`{value}` is beyond 63 bits")))
}

/// A count from a column.
pub(super) fn count(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| corrupt(format!("`{value}` stands where a count should")))
}

/// A document to be stored.
pub(super) fn document<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| refused("encode a row", error))
}

/// A stored document.
pub(super) fn parsed<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| corrupt(format!("{what} does not parse: {error}")))
}

/// The word that a unit variant is written as, for columns that are searched.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(refused("encode a word", other)),
        Err(error) => Err(refused("encode a word", error)),
    }
}

/// A limit that a caller gave, within what a page may hold.
pub(super) fn page(limit: usize) -> i64 {
    i64::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(1)
}

/// Most rows of one read: a page of the API.
pub(super) const PAGE_MAX: usize = 1_000;
