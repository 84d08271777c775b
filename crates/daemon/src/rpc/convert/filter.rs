//! The filter of ListTasks: `status = "FAILED"`, `agent = "clerk"`, joined by ` AND `.

use scalbotics_core::ports::TaskFilter;
use scalbotics_core::task::Status;

use crate::rpc::failure::Failure;
use crate::rpc::names;

/// Longest filter, in bytes.
const LEN_MAX: usize = 512;

const STATUSES: [Status; 8] = [
    Status::Submitted,
    Status::Working,
    Status::InputRequired,
    Status::AuthRequired,
    Status::Completed,
    Status::Failed,
    Status::Canceled,
    Status::Rejected,
];

/// Parses the filter.
///
/// # Errors
/// INVALID_ARGUMENT with what is allowed.
pub(in crate::rpc) fn task_filter(text: &str) -> Result<TaskFilter, Failure> {
    let refuse = |why: String| Failure::invalid("filter", why).next("scalbotics help task list");
    let mut filter = TaskFilter::default();
    if text.len() > LEN_MAX {
        return Err(refuse(format!("it is longer than {LEN_MAX} bytes")));
    }
    for term in text.split(" AND ").map(str::trim).filter(|term| !term.is_empty()) {
        let (field, value) = term.split_once('=').ok_or_else(|| refuse(format!("`{term}` is not `field = \"value\"`")))?;
        let value = value.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let value = value.ok_or_else(|| refuse(format!("the value of `{}` is not in double quotes", field.trim())))?;
        match field.trim() {
            "status" => {
                let status = STATUSES.into_iter().find(|status| status.as_str() == value);
                let words = || STATUSES.map(Status::as_str).join(", ");
                filter.statuses = vec![status.ok_or_else(|| refuse(format!("`{value}` is no status; those are {}", words())))?];
            }
            "agent" => filter.agent = Some(names::bare("filter", value)?),
            other => return Err(refuse(format!("`{other}` is no field; those are status and agent"))),
        }
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let filter = task_filter("status = \"FAILED\" AND agent = \"clerk\"").unwrap();
        assert_eq!((filter.statuses, filter.agent.unwrap().as_str()), (vec![Status::Failed], "clerk"));
        assert_eq!(task_filter("").unwrap(), TaskFilter::default());
        for bad in ["x", "status = FAILED", "status = \"failed\"", "owner = \"x\"", "agent = \"A B\"", "a\"; DROP TABLE task; --"]
        {
            assert!(task_filter(bad).is_err(), "{bad}");
        }
    }
}
