//! From a request's context to Cedar values, exactly: what does not convert is an error, which denies (semantics §3.3).
//!
//! Cedar's own JSON reader is not used, since it gives a meaning to keys such as `__entity`, which arguments may have.

use cedar_policy::{Context, RestrictedExpression};
use scalbotics_core::egress::Reach;
use scalbotics_core::tool::Definition;
use scalbotics_core::tool::schema::{Kind, Object, Schema};
use serde_json::{Map, Value};

use super::schema::URL_TEXTS;

/// The keys of `context.task`.
const TASK_KEYS: [&str; 3] = ["agent", "team", "workflow"];

/// A context that its action takes: everything was checked that can be refused.
pub(super) enum Given<'a> {
    /// Of an RPC: empty.
    Rpc,
    /// Of a call of a tool.
    Call {
        /// What the arguments conform to, exactly.
        input: &'a Schema,
        args: &'a Value,
        /// The values of [`TASK_KEYS`].
        task: [&'a str; 3],
        taint: Vec<&'a str>,
        /// The texts of [`URL_TEXTS`] and the port, where the tool speaks HTTP.
        url: Option<([&'a str; URL_TEXTS.len()], i64)>,
    },
}

impl<'a> Given<'a> {
    /// The context of an RPC.
    pub(super) fn of_rpc(context: &Value) -> Result<Self, String> {
        match context {
            Value::Object(map) if map.is_empty() => Ok(Self::Rpc),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Err("the context of an rpc is not empty".to_owned())
            }
        }
    }

    /// The context of a tool call: `{"args": …, "task": {"agent": …, "team": …, "workflow": …}, "taint": […]}`, and `url` where the
    /// tool speaks HTTP.
    pub(super) fn of_call(tool: &'a Definition, context: &'a Value) -> Result<Self, String> {
        let (input, speaks_http) = (&tool.input, Reach::of(tool).is_some());
        let map = context.as_object().ok_or("the context of a tool call is not an object")?;
        let (Some(args), Some(task), Some(taint)) = (map.get("args"), map.get("task"), map.get("taint")) else {
            return Err("the context of a tool call is not `args`, `task` and `taint`".to_owned());
        };
        if map.len() != 3 + usize::from(speaks_http) {
            return Err("the context of a tool call is not what the schema says".to_owned());
        }
        input.check(args).map_err(|violation| format!("arguments do not fit the tool's schema: {violation}"))?;
        check_exact(input, args)?;
        let url = if speaks_http { Some(url(map.get("url"))?) } else { None };
        Ok(Self::Call { input, args, task: self::task(task)?, taint: self::taint(taint)?, url })
    }

    /// The same as Cedar takes it.
    pub(super) fn context(self) -> Result<Context, String> {
        let Self::Call { input, args, task, taint, url } = self else { return Ok(Context::empty()) };
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let mut pairs = vec![
            ("args".to_owned(), expression(input, args)?),
            ("task".to_owned(), texts(TASK_KEYS, task, None)?),
            ("taint".to_owned(), RestrictedExpression::new_set(taint.into_iter().map(text))),
        ];
        if let Some((parts, port)) = url {
            let port = ("port".to_owned(), RestrictedExpression::new_long(port));
            pairs.push(("url".to_owned(), texts(URL_TEXTS, parts, Some(port))?));
        }
        Context::from_pairs(pairs).map_err(|_| "the context of the call cannot be built".to_owned())
    }
}

fn taint(taint: &Value) -> Result<Vec<&str>, String> {
    let refuse = || "`context.taint` is not a list of texts".to_owned();
    taint.as_array().ok_or_else(refuse)?.iter().map(|mark| mark.as_str().ok_or_else(refuse)).collect()
}

fn url(url: Option<&Value>) -> Result<([&str; URL_TEXTS.len()], i64), String> {
    let refuse = || "`context.url` is not the parts of a target".to_owned();
    let map = url.and_then(Value::as_object).filter(|map| map.len() == URL_TEXTS.len() + 1).ok_or_else(refuse)?;
    let port = map.get("port").and_then(Value::as_i64).ok_or_else(refuse)?;
    Ok((fields(map, URL_TEXTS).ok_or_else(refuse)?, port))
}

fn task(task: &Value) -> Result<[&str; TASK_KEYS.len()], String> {
    let refuse = || "`context.task` is not the texts `agent`, `team` and `workflow`".to_owned();
    let map = task.as_object().filter(|map| map.len() == TASK_KEYS.len()).ok_or_else(refuse)?;
    fields(map, TASK_KEYS).ok_or_else(refuse)
}

/// The texts of these fields, if all of them are texts.
fn fields<'a, const N: usize>(map: &'a Map<String, Value>, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut found = [""; N];
    for (text, name) in found.iter_mut().zip(names) {
        *text = map.get(name)?.as_str()?;
    }
    Some(found)
}

/// A record of texts, and of another field perhaps.
fn texts<const N: usize>(
    names: [&str; N],
    values: [&str; N],
    other: Option<(String, RestrictedExpression)>,
) -> Result<RestrictedExpression, String> {
    let fields = names.into_iter().zip(values);
    let fields = fields.map(|(name, text)| (name.to_owned(), RestrictedExpression::new_string(text.to_owned())));
    RestrictedExpression::new_record(fields.chain(other)).map_err(|_| "the context of the call cannot be built".to_owned())
}

/// Refuses what conforms to the schema and is yet no exact value of Cedar's.
fn check_exact(schema: &Schema, value: &Value) -> Result<(), String> {
    match (schema.kind(), value) {
        (Kind::Text(_), Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
        (Kind::Integer(_), Value::Number(number)) if number.is_i64() => Ok(()),
        (Kind::Array(array), Value::Array(items)) => items.iter().try_for_each(|item| check_exact(&array.items, item)),
        (Kind::Object(object), Value::Object(map)) => map.iter().try_for_each(|(name, value)| {
            let schema = object.properties.get(name).ok_or("an argument is unknown to the tool's schema")?;
            check_exact(schema, value)
        }),
        (Kind::Text(_) | Kind::Boolean | Kind::Integer(_) | Kind::Array(_) | Kind::Object(_) | Kind::Number, _) => {
            Err(unlike(schema))
        }
    }
}

fn expression(schema: &Schema, value: &Value) -> Result<RestrictedExpression, String> {
    match (schema.kind(), value) {
        (Kind::Text(_), Value::String(text)) => Ok(RestrictedExpression::new_string(text.clone())),
        (Kind::Boolean, Value::Bool(value)) => Ok(RestrictedExpression::new_bool(*value)),
        (Kind::Integer(_), Value::Number(number)) => {
            number.as_i64().map(RestrictedExpression::new_long).ok_or_else(|| unlike(schema))
        }
        (Kind::Array(array), Value::Array(items)) => {
            let items = items.iter().map(|item| expression(&array.items, item)).collect::<Result<Vec<_>, _>>()?;
            Ok(RestrictedExpression::new_set(items))
        }
        (Kind::Object(object), Value::Object(map)) => record(object, map),
        (Kind::Text(_) | Kind::Boolean | Kind::Integer(_) | Kind::Array(_) | Kind::Object(_) | Kind::Number, _) => {
            Err(unlike(schema))
        }
    }
}

fn record(object: &Object, map: &Map<String, Value>) -> Result<RestrictedExpression, String> {
    let fields = map.iter().map(|(name, value)| {
        let schema = object.properties.get(name).ok_or("an argument is unknown to the tool's schema")?;
        Ok((name.clone(), expression(schema, value)?))
    });
    let fields = fields.collect::<Result<Vec<_>, String>>()?;
    RestrictedExpression::new_record(fields).map_err(|_| "an argument is given twice".to_owned())
}

fn unlike(schema: &Schema) -> String {
    format!("an argument is not exactly of type {}", schema.kind().keyword())
}
