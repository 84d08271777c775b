//! The trace of this command: one for all that it asks, so that an operator finds them together.

use std::sync::OnceLock;

use scalbotics_core::task::TraceContext;

static TRACE: OnceLock<Option<TraceContext>> = OnceLock::new();

/// A request that carries the trace; without random bytes of the system it carries none, and the daemon begins one.
pub(super) fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = TRACE.get_or_init(begin).as_ref().and_then(|trace| trace.to_string().parse().ok());
    if let Some(value) = value {
        request.metadata_mut().insert(TraceContext::HEADER, value);
    }
    request
}

fn begin() -> Option<TraceContext> {
    let mut random = [0; 32];
    let filled = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).ok()?;
    (filled == random.len()).then(|| TraceContext::begin(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_has_one_trace_and_another_has_another() {
        let header = || request(()).metadata().get(TraceContext::HEADER).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header(), header());
        assert!(TraceContext::parse(&header()).is_some());
        assert_ne!(begin(), begin());
    }
}
