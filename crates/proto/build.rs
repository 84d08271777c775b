//! Compiles the wire contract to Rust and to a descriptor set, without a system protoc.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::{Path, PathBuf};

use prost::Message;

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script its output directory by the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join("scalbotics/v1"))?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.sort();
    let descriptors = protox::compile(files, [root.clone()])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // What holds a secret's value or a join token has no derived `Debug`: a log line must not be able to print it.
    tonic_prost_build::configure()
        .skip_debug([
            "scalbotics.v1.AddTenantRequest",
            "scalbotics.v1.PutSecretRequest",
            "scalbotics.v1.RotateSecretRequest",
            "scalbotics.v1.JoinToken",
            "scalbotics.v1.EnrollRequest",
        ])
        .build_server(true)
        .build_client(true)
        .compile_fds(descriptors)?;
    // The Workload API is another listener's: no part of what the API describes. A private key has no derived `Debug` either.
    if cfg!(feature = "workload") {
        tonic_prost_build::configure()
            .btree_map(".")
            .bytes(".X509SVID.x509_svid_key")
            .skip_debug(["X509SVIDResponse", "X509SVID", "JWTSVIDResponse", "JWTSVID", "ValidateJWTSVIDRequest"])
            .compile_fds(protox::compile([root.join("spiffe/workload.proto")], [root])?)?;
    }
    Ok(())
}
