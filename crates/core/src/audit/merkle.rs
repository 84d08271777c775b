//! Merkle tree over audit leaves (RFC 6962 §2.1).
