//! What only the installation does: certificate authority, keystore, issuer of tokens, encryption of payloads.

pub mod approvers;
pub mod ca;
pub mod issuer;
pub mod jwt_svid;
pub mod keystore;
pub mod local;
pub mod log_signer;
pub mod outside;
pub mod seal;
pub mod tls;

mod aead;
mod minted;

pub use minted::Minted;
