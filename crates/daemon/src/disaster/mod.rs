//! `admin backup` and `admin restore`: a verified copy of the database, and the only way on where the newest one is lost (semantics §7.4).
//!
//! **Invariant:** a backup is there whole and verified, or not at all.
//! **Invariant:** a restore gives nothing back that was taken away: nothing runs again by itself, nobody is un-suspended, no approval and no
//! token counts; what was lost stands in every log. That is so for every tenant, and no name of one is free again.

mod backup;
mod error;
mod manifest;
mod place;
mod plan;
mod principals;
mod restore;
mod rewrite;
mod suspend;
mod tenants;
mod verb;
mod vouched;

pub(crate) use verb::{Verb, run};
