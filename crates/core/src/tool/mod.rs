//! Tools: what an agent may call, how risky it is, how it may be repeated, and one exact call of it.

mod call;
mod definition;
mod effect_class;
mod manifest;
mod outcome;
mod output;
pub mod schema;
mod template;
mod tier;

pub(crate) use call::call_digest_of_ids;
pub use call::{Call, Mark, ResolvedInput, call_digest};
pub(crate) use definition::{BUILTIN_TAG, HTTP_TAG, MODEL_TAG};
pub use definition::{Builtin, Definition, Kind};
pub use effect_class::EffectClass;
pub use manifest::{KeyPassing, Limits, Manifest, ManifestError, SecretPassing, WorkspaceAccess};
pub use outcome::{NotDone, Outcome, Verification};
pub use output::said;
pub use template::{Template, TemplateError, Values};
pub use tier::Tier;
