//! A witness: C2SP tlog-witness, `add-checkpoint`.

use async_trait::async_trait;
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::egress::Roots;
use scalbotics_core::ports::{CheckpointKeeper, KeepError, Kept};
use scalbotics_core::time::Span;

use super::http::{Address, Answer, post};

/// Type of the answer that tells which size the witness knows.
const SIZE_TYPE: &str = "text/x.tlog.size";

/// A witness at an address.
#[derive(Debug)]
pub struct Witness {
    name: String,
    address: Address,
    roots: Roots,
}

impl Witness {
    /// The witness of this name, whose submission prefix is `prefix`; `roots` are believed beside the system's authorities.
    #[must_use]
    pub fn new(name: &str, prefix: &Address, roots: Roots) -> Self {
        Self { name: name.to_owned(), address: prefix.below("add-checkpoint"), roots }
    }
}

#[async_trait]
impl CheckpointKeeper for Witness {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_witness(&self) -> bool {
        true
    }

    fn apart(&self) -> Span {
        Span::from_ms(0)
    }

    async fn keep(&self, checkpoint: &AddCheckpoint) -> Result<Kept, KeepError> {
        understood(post(&self.address, checkpoint.text(), &self.roots).await?)
    }
}

fn understood(answer: Answer) -> Result<Kept, KeepError> {
    let refused = |why: &str| Err(KeepError::Refused { why: why.to_owned() });
    match answer.status {
        200 => Ok(Kept::Cosigned { lines: answer.body }),
        409 if answer.content_type.split(';').next().is_some_and(|kind| kind.trim() == SIZE_TYPE) => {
            let size = answer.body.strip_suffix('\n').and_then(|text| {
                let size: u64 = text.parse().ok()?;
                (size.to_string() == text).then_some(size)
            });
            size.map_or_else(|| refused("it says 409 without a size"), |size| Err(KeepError::Knows { size }))
        }
        409 => Err(KeepError::Forked),
        400 => refused("it says that the request is malformed (400)"),
        403 => refused("it knows the log under another key (403)"),
        404 => refused("it does not know the log (404)"),
        // The log did not grow out of what it knows.
        422 => Err(KeepError::Forked),
        status => Err(KeepError::Refused { why: format!("it answers {status}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, content_type: &str, body: &str) -> Result<Kept, String> {
        understood(Answer { status, content_type: content_type.to_owned(), body: body.to_owned() })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn answers() {
        assert_eq!(said(200, "", "x"), Ok(Kept::Cosigned { lines: "x".to_owned() }));
        assert_eq!(said(409, SIZE_TYPE, "17\n"), Err("it knows the log at size 17".to_owned()));
        assert_eq!(said(409, "text/x.tlog.size; charset=utf-8", "0\n"), Err("it knows the log at size 0".to_owned()));
        assert_eq!(said(409, "text/plain", "17\n"), Err("it knows another history of the log".to_owned()));
        for body in ["", "17", "017\n", "-1\n", "17\n\n", "18446744073709551616\n"] {
            assert_eq!(said(409, SIZE_TYPE, body), Err("it says 409 without a size".to_owned()), "{body:?}");
        }
        assert_eq!(said(422, "", ""), Err("it knows another history of the log".to_owned()));
        for status in [201, 301, 400, 403, 404, 429, 500] {
            assert!(said(status, "", "").is_err_and(|why| why.contains(&status.to_string())), "{status}");
        }
    }
}
