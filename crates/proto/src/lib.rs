//! The wire contract of ScalBotics, generated from `proto/scalbotics/v1`.
//!
//! **Boundary:** nothing but generated types, the descriptor set and what they show of themselves; conversions to domain values live in the daemon.
#![forbid(unsafe_code)]

mod shown;

pub use generated::v1;
#[cfg(feature = "workload")]
pub use generated::workload;

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::missing_docs_in_private_items,
    clippy::too_many_lines,
    missing_docs,
    missing_debug_implementations,
    unused_qualifications,
    reason = "the generator's code, not ours"
)]
mod generated {
    /// Package `scalbotics.v1`.
    pub mod v1 {
        tonic::include_proto!("scalbotics.v1");
    }

    /// The SPIFFE Workload API, generated from `proto/spiffe`; without a package, as the standard has it.
    #[cfg(feature = "workload")]
    pub mod workload {
        tonic::include_proto!("_");
    }
}

/// The serialized `FileDescriptorSet` of the whole contract, for reflection and for tests that walk every method.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
