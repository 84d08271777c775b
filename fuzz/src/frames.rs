//! What the Workload API does to a client's bytes before HTTP/2 is read, from its source files: the crate around it is the whole daemon.

#[path = "../../crates/daemon/src/rpc/workload/lenient/fields.rs"]
mod fields;
#[path = "../../crates/daemon/src/rpc/workload/lenient/frames.rs"]
mod frames;

/// What has gone on of bytes that came in pieces of one size.
pub fn through(bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut mended, mut gone) = (frames::Mended::default(), Vec::new());
    for piece in bytes.chunks(size.max(1)) {
        mended.push(piece);
        gone.extend_from_slice(mended.ready());
        mended.gone(usize::MAX);
    }
    gone
}
