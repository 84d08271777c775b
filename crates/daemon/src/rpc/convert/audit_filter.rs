//! Which audit records a caller wants.

use scalbotics_core::audit::{Filter, Kind, Order};
use scalbotics_core::ports::Search;
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_proto::v1;

use super::page::parse_token;
use crate::rpc::failure::Failure;

/// Longest value, in bytes: an action is the longest, and names a tool of at most 64.
const LEN_MAX: usize = 256;

/// Somebody as a caller names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rpc) enum Named {
    /// By what stands in the log.
    Uid(Uid),
    /// A human, by name.
    Human(Name),
    /// An agent, by name.
    Agent(Name),
    /// A service, by name.
    Service(Name),
}

/// What is looked for, before names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rpc) struct AuditWanted {
    /// All but who.
    pub(in crate::rpc) search: Search,
    /// Who acted.
    pub(in crate::rpc) actor: Option<Named>,
    /// For whom.
    pub(in crate::rpc) on_behalf_of: Option<Named>,
}

/// Reads a request; `limit` is that of the page.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(in crate::rpc) fn audit_search(request: &v1::ListAuditRecordsRequest, limit: usize) -> Result<AuditWanted, Failure> {
    let filter = request.filter.clone().unwrap_or_default();
    let task = Some(request.task.as_str()).filter(|task| !task.is_empty()).map(str::parse).transpose();
    let task = task.map_err(|error: scalbotics_core::ids::Error| Failure::invalid("task", error.to_string()))?;
    let order = match request.order_by.as_str() {
        "" | "index" => Order::OldestFirst,
        "index desc" => Order::NewestFirst,
        _ => return Err(Failure::invalid("order_by", "it is neither `index` nor `index desc`")),
    };
    if order == Order::NewestFirst && request.from_index != 0 {
        return Err(Failure::invalid("from_index", "it is of lists that begin with the oldest"));
    }
    let from = Some(request.from_index).filter(|_| order == Order::OldestFirst);
    let start = parse_token(&request.page_token)?.or(from);
    let kind = Some(filter.kind.as_str()).filter(|kind| !kind.is_empty()).map(kind).transpose()?;
    let allowed = match filter.decision.as_str() {
        "" => None,
        "allow" => Some(true),
        "deny" => Some(false),
        _ => return Err(Failure::invalid("filter.decision", "it is neither `allow` nor `deny`")),
    };
    if filter.action.len() > LEN_MAX {
        return Err(Failure::invalid("filter.action", format!("it is longer than {LEN_MAX} bytes")));
    }
    let since = filter.since.map(|at| moment("filter.since", at)).transpose()?;
    let until = filter.until.map(|at| moment("filter.until", at)).transpose()?;
    let (actor, on_behalf_of) = (who("filter.actor", &filter.actor)?, who("filter.on_behalf_of", &filter.on_behalf_of)?);
    let action = Some(filter.action).filter(|action| !action.is_empty());
    let filter = Filter { action, kind, allowed, task, since, until, ..Filter::default() };
    Ok(AuditWanted { search: Search { filter, order, start, limit }, actor, on_behalf_of })
}

fn kind(text: &str) -> Result<Kind, Failure> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| Failure::invalid("filter.kind", "it is no kind of record; records show theirs as `kind`"))
}

fn moment(field: &str, at: prost_types::Timestamp) -> Result<Timestamp, Failure> {
    let nanos = u64::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let ms = at.seconds.checked_mul(1_000).zip(nanos).map(|(ms, nanos)| ms.saturating_add_unsigned(nanos / 1_000_000));
    ms.map(Timestamp::from_unix_ms).ok_or_else(|| Failure::invalid(field, "it is no moment"))
}

fn who(field: &str, text: &str) -> Result<Option<Named>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let shape = || Failure::invalid(field, "it is no uid, not `daemon`, and not `humans/NAME`, `agents/NAME` or `services/NAME`");
    let name = |name: &str| Name::parse(name).map_err(|_| shape());
    let named = match text.split_once('/') {
        Some(("humans", human)) => Named::Human(name(human)?),
        Some(("agents", agent)) => Named::Agent(name(agent)?),
        Some(("services", service)) => Named::Service(name(service)?),
        Some(_) => return Err(shape()),
        None => Named::Uid(uid(text).ok_or_else(shape)?),
    };
    Ok(Some(named))
}

fn uid(text: &str) -> Option<Uid> {
    let human = || text.parse().map(Uid::Human).ok();
    let agent = || text.parse().map(Uid::Agent).ok();
    let service = || text.parse().map(Uid::Service).ok();
    (text == "daemon").then_some(Uid::Daemon).or_else(human).or_else(agent).or_else(service)
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::{AgentUid, HumanUid, ServiceUid, TaskId};

    use super::*;

    fn request(change: impl FnOnce(&mut v1::ListAuditRecordsRequest, &mut v1::AuditFilter)) -> Result<AuditWanted, Failure> {
        let (mut request, mut filter) = (v1::ListAuditRecordsRequest::default(), v1::AuditFilter::default());
        change(&mut request, &mut filter);
        request.filter = Some(filter);
        audit_search(&request, 7)
    }

    #[test]
    fn what_is_set_is_wanted() {
        let task = TaskId::from_u128(9);
        let wanted = request(|request, filter| {
            (request.order_by, request.page_token, request.task) = ("index desc".to_owned(), "41".to_owned(), task.to_string());
            (filter.action, filter.kind) = ("task.submit".to_owned(), "rpc".to_owned());
            filter.decision = "deny".to_owned();
            filter.since = Some(prost_types::Timestamp { seconds: 1, nanos: 999_999_999 });
            filter.until = Some(prost_types::Timestamp { seconds: -1, nanos: 0 });
        });
        let at = |ms| Some(Timestamp::from_unix_ms(ms));
        let action = Some("task.submit".to_owned());
        let filter = Filter {
            action,
            kind: Some(Kind::Rpc),
            allowed: Some(false),
            task: Some(task),
            since: at(1_999),
            until: at(-1_000),
            ..Filter::default()
        };
        let search = Search { filter, order: Order::NewestFirst, start: Some(41), limit: 7 };
        assert_eq!(wanted.unwrap(), AuditWanted { search, actor: None, on_behalf_of: None });
        let plain = audit_search(&v1::ListAuditRecordsRequest { from_index: 5, ..Default::default() }, 7).unwrap().search;
        assert_eq!((plain.order, plain.start, plain.filter), (Order::OldestFirst, Some(5), Filter::default()));
    }

    #[test]
    fn people_are_named_by_uid_or_by_kind_and_name() {
        let name = |text| Name::parse(text).unwrap();
        let uids = [HumanUid::from_u128(1).to_string(), AgentUid::from_u128(2).to_string(), ServiceUid::from_u128(3).to_string()];
        for (text, wanted) in [
            (uids[0].as_str(), Named::Uid(Uid::Human(HumanUid::from_u128(1)))),
            (&uids[1], Named::Uid(Uid::Agent(AgentUid::from_u128(2)))),
            (&uids[2], Named::Uid(Uid::Service(ServiceUid::from_u128(3)))),
            ("daemon", Named::Uid(Uid::Daemon)),
            ("humans/ann", Named::Human(name("ann"))),
            ("agents/clerk", Named::Agent(name("clerk"))),
            ("services/ci", Named::Service(name("ci"))),
        ] {
            assert_eq!(who("actor", text).unwrap(), Some(wanted), "{text}");
        }
        assert_eq!(who("actor", "").unwrap(), None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in
            ["ann", "humans/", "humans/A B", "people/ann", "humans/a/b", "tenants/other/humans/ann", "'; DROP TABLE", "hum_0"]
        {
            assert!(request(|_, filter| filter.actor = bad.to_owned()).is_err(), "{bad}");
            assert!(request(|_, filter| filter.on_behalf_of = bad.to_owned()).is_err(), "{bad}");
        }
        assert!(request(|_, filter| filter.kind = "Rpc".to_owned()).is_err());
        assert!(request(|_, filter| filter.decision = "denied".to_owned()).is_err());
        assert!(request(|_, filter| filter.action = "a".repeat(300)).is_err());
        for nanos in [-1, 1_000_000_000] {
            assert!(request(|_, filter| filter.since = Some(prost_types::Timestamp { seconds: 0, nanos })).is_err());
        }
        assert!(request(|_, filter| filter.until = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 })).is_err());
        assert!(request(|request, _| request.task = "task_x".to_owned()).is_err());
        assert!(request(|request, _| request.page_token = "-1".to_owned()).is_err());
        assert!(request(|request, _| request.order_by = "at".to_owned()).is_err());
        let from =
            |request: &mut v1::ListAuditRecordsRequest| (request.order_by, request.from_index) = ("index desc".to_owned(), 1);
        assert!(request(|request, _| from(request)).is_err());
    }
}
