//! The wire contract of ScalBotics, generated from `proto/scalbotics/v1`.
//!
//! **Boundary:** nothing but generated types and the descriptor set; conversions to domain values live in the daemon.
#![forbid(unsafe_code)]

/// Package `scalbotics.v1`.
pub mod v1 {
    #![allow(
        clippy::allow_attributes,
        clippy::pedantic,
        clippy::too_many_lines,
        clippy::wildcard_enum_match_arm,
        clippy::module_name_repetitions,
        missing_docs,
        missing_debug_implementations,
        unreachable_pub,
        unused_qualifications,
        reason = "generated code"
    )]
    tonic::include_proto!("scalbotics.v1");
}

/// The serialized `FileDescriptorSet` of the whole contract, for reflection and for tests that walk every method.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
