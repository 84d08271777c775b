//! From a request's context to Cedar values, exactly: what does not convert is an error, which denies (semantics §3.3).
//!
//! Cedar's own JSON reader is not used, since it gives a meaning to keys such as `__entity`, which arguments may have.

use cedar_policy::{Context, RestrictedExpression};
use scalbotics_core::egress::Reach;
use scalbotics_core::tool::Definition;
use scalbotics_core::tool::schema::{Kind, Object, Schema};
use serde_json::Value;

use super::schema::URL_TEXTS;

/// The keys of `context.task`.
const TASK_KEYS: [&str; 3] = ["agent", "team", "workflow"];

/// The context of an RPC, which is empty.
pub(super) fn rpc_context(context: &Value) -> Result<Context, String> {
    match context {
        Value::Object(map) if map.is_empty() => Ok(Context::empty()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err("the context of an rpc is not empty".to_owned())
        }
    }
}

/// The context of a tool call: `{"args": …, "task": {"agent": …, "team": …, "workflow": …}, "taint": […]}`, and `url` where the
/// tool speaks HTTP.
pub(super) fn tool_context(tool: &Definition, context: &Value) -> Result<Context, String> {
    let (input, url) = (&tool.input, Reach::of(tool).is_some());
    let map = context.as_object().ok_or("the context of a tool call is not an object")?;
    let (Some(args), Some(task), Some(taint)) = (map.get("args"), map.get("task"), map.get("taint")) else {
        return Err("the context of a tool call is not `args`, `task` and `taint`".to_owned());
    };
    if map.len() != 3 + usize::from(url) {
        return Err("the context of a tool call is not what the schema says".to_owned());
    }
    input.check(args).map_err(|violation| format!("arguments do not fit the tool's schema: {violation}"))?;
    let mut pairs = vec![
        ("args".to_owned(), expression(input, args)?),
        ("task".to_owned(), task_record(task)?),
        ("taint".to_owned(), taint_set(taint)?),
    ];
    if url {
        pairs.push(("url".to_owned(), url_record(map.get("url"))?));
    }
    Context::from_pairs(pairs).map_err(|_| "the context of the call cannot be built".to_owned())
}

fn taint_set(taint: &Value) -> Result<RestrictedExpression, String> {
    let refuse = || "`context.taint` is not a list of texts".to_owned();
    let marks = taint.as_array().ok_or_else(refuse)?.iter().map(|mark| mark.as_str().ok_or_else(refuse));
    let marks = marks.map(|mark| mark.map(|mark| RestrictedExpression::new_string(mark.to_owned())));
    Ok(RestrictedExpression::new_set(marks.collect::<Result<Vec<_>, _>>()?))
}

fn url_record(url: Option<&Value>) -> Result<RestrictedExpression, String> {
    let refuse = || "`context.url` is not the parts of a target".to_owned();
    let map = url.and_then(Value::as_object).filter(|map| map.len() == URL_TEXTS.len() + 1).ok_or_else(refuse)?;
    let port = map.get("port").and_then(Value::as_i64).map(RestrictedExpression::new_long).ok_or_else(refuse)?;
    let texts = URL_TEXTS.iter().map(|part| {
        let text = map.get(*part).and_then(Value::as_str).ok_or_else(refuse)?;
        Ok(((*part).to_owned(), RestrictedExpression::new_string(text.to_owned())))
    });
    let mut fields = texts.collect::<Result<Vec<_>, String>>()?;
    fields.push(("port".to_owned(), port));
    RestrictedExpression::new_record(fields).map_err(|_| refuse())
}

fn task_record(task: &Value) -> Result<RestrictedExpression, String> {
    let refuse = || "`context.task` is not the texts `agent`, `team` and `workflow`".to_owned();
    let map = task.as_object().filter(|map| map.len() == TASK_KEYS.len()).ok_or_else(refuse)?;
    let fields = TASK_KEYS.iter().map(|key| {
        let text = map.get(*key).and_then(Value::as_str).ok_or_else(refuse)?;
        Ok(((*key).to_owned(), RestrictedExpression::new_string(text.to_owned())))
    });
    let fields = fields.collect::<Result<Vec<_>, String>>()?;
    RestrictedExpression::new_record(fields).map_err(|_| refuse())
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

fn record(object: &Object, map: &serde_json::Map<String, Value>) -> Result<RestrictedExpression, String> {
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
