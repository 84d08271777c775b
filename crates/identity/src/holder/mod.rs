//! What someone with a key of their own does: make keys, sign assertions and statements, verify notes, connect.

pub mod assertion;
pub mod certificate;
pub mod id_token;
pub mod join_token;
pub mod joining;
pub mod key;
pub mod pkce;
pub mod proof;
pub mod roots;
pub mod signed_note;
pub mod signing_request;
pub mod statement;
pub mod svid;
pub mod tls;
pub mod trust;
pub mod trust_bundle;
pub mod worker_warrant;
