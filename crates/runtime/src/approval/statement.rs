//! An approver's statement: read, rebuilt, compared byte for byte.

use scalbotics_core::approval::{Answer, Contents, REASON_LEN_MAX, Reply, Request, Statement};
use scalbotics_core::ids::HumanUid;

use super::Error;

/// Longest statement, in bytes: arguments of 1 MiB and the fields around them.
const STATEMENT_LEN_MAX: usize = 2 << 20;

/// What is rebuilt.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    pub(super) trust_domain: &'a str,
    pub(super) contents: Contents,
    pub(super) approver: HumanUid,
}

/// What `bytes` answer, if they are a statement at all.
pub(super) fn answer_of(bytes: &[u8]) -> Result<Answer, Error> {
    Ok(read(bytes)?.answer)
}

fn read(bytes: &[u8]) -> Result<Statement, Error> {
    let value = scalbotics_core::json::parse_within(bytes, STATEMENT_LEN_MAX).map_err(Error::Form)?;
    serde_json::from_value(value).map_err(|error| Error::Shape { reason: error.to_string() })
}

/// The answer that `bytes` give, if they are exactly the statement that the daemon would rebuild for it.
pub(super) fn check(asked: Asked<'_>, bytes: &[u8]) -> Result<Answer, Error> {
    let given = read(bytes)?;
    if given.reason.len() > REASON_LEN_MAX {
        return Err(Error::ReasonLen { len: given.reason.len(), max: REASON_LEN_MAX });
    }
    // Only the answer and its words are the approver's; everything else is what the daemon knows.
    let reply = Reply { approver: asked.approver, answer: given.answer, reason: given.reason };
    let own = Statement::of(asked.request, asked.trust_domain, asked.contents, reply).canonical().map_err(Error::Form)?;
    if own == bytes { Ok(given.answer) } else { Err(Error::Differs { approval: asked.request.id }) }
}
