//! Conditions of steps: structured, typed, without a language of their own.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::environment::{Environment, View};
use super::scope::{Scope, brief};
use super::template::Template;
use super::{ConditionFile, EvalError, Fault, TEMPLATE_DEPTH_MAX};
use crate::tool::schema::{Kind, Schema};

/// A condition that was checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// A test of two operands.
    Pair(Test, Box<[Template; 2]>),
    /// The list or the text is empty.
    IsEmpty(Template),
    /// It does not hold.
    Not(Box<Self>),
    /// All hold.
    All(Vec<Self>),
    /// At least one holds.
    Any(Vec<Self>),
}

/// A test of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    /// The same scalar.
    Equals,
    /// Another scalar.
    NotEquals,
    /// The first is greater.
    Greater,
    /// The first is less.
    Less,
    /// The first has the second.
    Contains,
}

impl Condition {
    /// Reads and checks a condition; the path of a fault is relative to it.
    pub(super) fn parse(file: &ConditionFile, scope: &Scope) -> Result<Self, (String, Fault)> {
        let condition = Self::parse_at(file, scope, 0)?;
        if condition.refers() { Ok(condition) } else { Err((String::new(), Fault::Constant)) }
    }

    fn parse_at(file: &ConditionFile, scope: &Scope, depth: usize) -> Result<Self, (String, Fault)> {
        if depth > TEMPLATE_DEPTH_MAX {
            return Err((String::new(), Fault::Depth));
        }
        let list = |name: &str, files: &[ConditionFile]| {
            let parse = |(index, file)| {
                Self::parse_at(file, scope, depth + 1).map_err(|(at, fault)| (format!(".{name}.{index}{at}"), fault))
            };
            files.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()
        };
        match file {
            ConditionFile::Equals(pair) => Self::pair("equals", Test::Equals, pair, scope),
            ConditionFile::NotEquals(pair) => Self::pair("not_equals", Test::NotEquals, pair, scope),
            ConditionFile::Greater(pair) => Self::pair("greater", Test::Greater, pair, scope),
            ConditionFile::Less(pair) => Self::pair("less", Test::Less, pair, scope),
            ConditionFile::Contains(pair) => Self::pair("contains", Test::Contains, pair, scope),
            ConditionFile::IsEmpty(operand) => {
                let at = |fault| (".is_empty".to_owned(), fault);
                let operand = Template::parse(operand).map_err(|(below, fault)| (format!(".is_empty{below}"), fault))?;
                let schema = scope.infer(&operand).map_err(at)?;
                match schema.kind() {
                    Kind::Array(_) | Kind::Text(_) => Ok(Self::IsEmpty(operand)),
                    Kind::Object(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean => {
                        Err(at(Fault::Mismatch { reason: format!("a list or a text is wanted, not {}", brief(&schema)) }))
                    }
                }
            }
            ConditionFile::Not(file) => {
                let inner = Self::parse_at(file, scope, depth + 1).map_err(|(at, fault)| (format!(".not{at}"), fault))?;
                Ok(Self::Not(Box::new(inner)))
            }
            ConditionFile::All(files) => list("all", files).map(Self::All),
            ConditionFile::Any(files) => list("any", files).map(Self::Any),
        }
    }

    fn pair(name: &str, test: Test, pair: &[Value; 2], scope: &Scope) -> Result<Self, (String, Fault)> {
        let [first, second] = pair;
        let at = |index: usize| move |fault| (format!(".{name}.{index}"), fault);
        let below = |index: usize| move |(below, fault)| (format!(".{name}.{index}{below}"), fault);
        let first = Template::parse(first).map_err(below(0))?;
        let second = Template::parse(second).map_err(below(1))?;
        let schemas = (scope.infer(&first).map_err(at(0))?, scope.infer(&second).map_err(at(1))?);
        if test.takes(&schemas.0, &schemas.1) {
            return Ok(Self::Pair(test, Box::new([first, second])));
        }
        let reason = format!("{} cannot be compared with {} here", brief(&schemas.0), brief(&schemas.1));
        Err((format!(".{name}"), Fault::Mismatch { reason }))
    }

    fn refers(&self) -> bool {
        match self {
            Self::Pair(_, operands) => operands.iter().any(Template::refers),
            Self::IsEmpty(operand) => operand.refers(),
            Self::Not(inner) => inner.refers(),
            Self::All(list) | Self::Any(list) => list.iter().any(Self::refers),
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, environment: &Environment<'_>) -> Result<bool, EvalError> {
        match self {
            Self::Pair(test, operands) => {
                let [first, second] = operands.as_ref();
                test.holds(&environment.view(first)?, &environment.view(second)?)
            }
            Self::IsEmpty(operand) => match environment.view(operand)? {
                View::Many(items) => Ok(items.is_empty()),
                View::One(value) => match value.as_ref() {
                    Value::Array(items) => Ok(items.is_empty()),
                    Value::String(text) => Ok(text.is_empty()),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(EvalError::Operand),
                },
            },
            Self::Not(inner) => inner.holds(environment).map(|holds| !holds),
            Self::All(list) => {
                for condition in list {
                    if !condition.holds(environment)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(list) => {
                for condition in list {
                    if condition.holds(environment)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

impl Test {
    /// Whether operands of these types can be tested.
    fn takes(self, first: &Schema, second: &Schema) -> bool {
        let number = |schema: &Schema| matches!(schema.kind(), Kind::Integer(_) | Kind::Number);
        let text = |schema: &Schema| matches!(schema.kind(), Kind::Text(_));
        let boolean = |schema: &Schema| matches!(schema.kind(), Kind::Boolean);
        let alike = |first: &Schema, second: &Schema| [number, text, boolean].iter().any(|is| is(first) && is(second));
        match self {
            Self::Equals | Self::NotEquals => alike(first, second),
            Self::Greater | Self::Less => number(first) && number(second),
            Self::Contains => match first.kind() {
                Kind::Array(array) => alike(&array.items, second),
                Kind::Text(_) => text(second),
                Kind::Object(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean => false,
            },
        }
    }

    fn holds(self, first: &View<'_, '_>, second: &View<'_, '_>) -> Result<bool, EvalError> {
        let second = second.one()?;
        match self {
            Self::Equals => Ok(same(first.one()?, second)),
            Self::NotEquals => Ok(!same(first.one()?, second)),
            Self::Greater => order(first.one()?, second).map(|order| order == Ordering::Greater),
            Self::Less => order(first.one()?, second).map(|order| order == Ordering::Less),
            Self::Contains => match first {
                View::Many(items) => Ok(items.iter().any(|item| same(item, second))),
                View::One(value) => match (value.as_ref(), second) {
                    (Value::Array(items), _) => Ok(items.iter().any(|item| same(item, second))),
                    (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
                    _ => Err(EvalError::Operand),
                },
            },
        }
    }
}

/// Whether two scalars are the same; 1 and 1.0 are.
fn same(first: &Value, second: &Value) -> bool {
    match (first, second) {
        (Value::Number(_), Value::Number(_)) => order(first, second).is_ok_and(|order| order == Ordering::Equal),
        _ => first == second,
    }
}

fn order(first: &Value, second: &Value) -> Result<Ordering, EvalError> {
    let integers = first.as_i64().zip(second.as_i64()).map(|(first, second)| first.cmp(&second));
    let floats = || first.as_f64().zip(second.as_f64()).and_then(|(first, second)| first.partial_cmp(&second));
    integers.or_else(floats).ok_or(EvalError::Operand)
}

impl View<'_, '_> {
    fn one(&self) -> Result<&Value, EvalError> {
        match self {
            Self::One(Cow::Borrowed(value)) => Ok(value),
            Self::One(Cow::Owned(value)) => Ok(value),
            Self::Many(_) => Err(EvalError::Operand),
        }
    }
}
