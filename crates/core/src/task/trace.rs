//! The trace that a request belongs to, by W3C Trace Context (level 1, `traceparent`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Length of a `traceparent` of version 00, in bytes; later versions begin with the same fields.
const LEN: usize = 55;

/// The version that is forbidden.
const VERSION_FORBIDDEN: &str = "ff";

/// W3C trace context of the submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub parent_id: String,
}

impl TraceContext {
    /// The name of the header.
    pub const HEADER: &'static str = "traceparent";

    /// A new trace, of random bytes.
    #[must_use]
    pub fn begin(random: [u8; 32]) -> Self {
        let hexadecimal = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        // All zeros are no id.
        let [.., last] = random;
        let (trace_id, rest) = random.split_at(16);
        let (parent_id, _) = rest.split_at(8);
        let sound = |id: &[u8]| {
            if id.iter().all(|byte| *byte == 0) {
                [&[last.max(1)], id.get(1..).unwrap_or_default()].concat()
            } else {
                id.to_vec()
            }
        };
        Self { trace_id: hexadecimal(&sound(trace_id)), parent_id: hexadecimal(&sound(parent_id)) }
    }

    /// Parses a header; `None` for what is no `traceparent`, which is ignored as the standard wants it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let field = |from: usize, to: usize| {
            let part = text.get(from..to)?;
            part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then_some(part)
        };
        let dash = |at: usize| text.as_bytes().get(at) == Some(&b'-');
        let (version, trace_id, parent_id) = (field(0, 2)?, field(3, 35)?, field(36, 52)?);
        let _flags = field(53, LEN)?;
        let ends = text.len() == LEN || version != "00" && dash(LEN);
        let is_id = |id: &str| id.bytes().any(|b| b != b'0');
        let sound =
            version != VERSION_FORBIDDEN && [2, 35, 52].into_iter().all(dash) && ends && is_id(trace_id) && is_id(parent_id);
        sound.then(|| Self { trace_id: trace_id.to_owned(), parent_id: parent_id.to_owned() })
    }
}

impl fmt::Display for TraceContext {
    /// The header's value: version 00, and not sampled by anybody, for nobody collects spans here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-00", self.trace_id, self.parent_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn headers_of_the_standard_are_read() {
        for good in [
            GOOD.to_owned(),
            GOOD.replace("-01", "-00"),
            GOOD.replace("-01", "-ff"),
            GOOD.replacen("00", "cc", 1),
            format!("{}-what-the-future-will-be-like", GOOD.replacen("00", "cc", 1)),
            format!("{}-", GOOD.replacen("00", "01", 1)),
        ] {
            let trace = TraceContext::parse(&good).unwrap_or_else(|| panic!("{good}"));
            assert_eq!(
                (trace.trace_id.as_str(), trace.parent_id.as_str()),
                ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
            );
        }
    }

    #[test]
    fn anything_else_is_no_trace() {
        for bad in [
            "",
            "00",
            &GOOD.replacen("00-", "ff-", 1),
            &GOOD.replacen("00-", "0-", 1),
            &GOOD.replacen("00-", "0x-", 1),
            &GOOD.to_uppercase(),
            &format!("{GOOD}-x"),
            &format!("{GOOD}."),
            &format!("{GOOD} "),
            &format!("{}.what", GOOD.replacen("00", "cc", 1)),
            &format!("{}{}", GOOD.replacen("00", "cc", 1), "a"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace("00f067aa0ba902b7", "00f067aa0ba902b"),
            &GOOD.replace("-01", "-0"),
            &GOOD.replace("-01", "-0g"),
            &GOOD.replace('-', "_"),
            &GOOD.replace("4bf92f35", "4bf92fä"),
            &"0".repeat(1 << 20),
            &"ä".repeat(55),
        ] {
            assert!(TraceContext::parse(bad).is_none(), "{bad:.80}");
        }
    }

    #[test]
    fn a_trace_that_begins_is_a_header() {
        for random in [[0; 32], [0xff; 32], std::array::from_fn(|at| u8::try_from(at).unwrap())] {
            let trace = TraceContext::begin(random);
            assert_eq!(TraceContext::parse(&trace.to_string()), Some(trace));
        }
        assert_eq!(TraceContext::begin([7; 32]).to_string(), format!("00-{}-{}-00", "07".repeat(16), "07".repeat(8)));
    }
}
