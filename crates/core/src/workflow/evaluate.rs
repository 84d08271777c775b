//! The next call of a run, from the input and the results so far.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use super::Workflow;
use super::environment::{Environment, View};
use super::parse::{Each, Step};
use crate::conversation::answer_of;
use crate::model::{Finish, Reply};
use crate::tenant::Name;
use crate::tool::schema::Violation;

/// Results so far, by the step key that [`Next::Call`] gave: `scan`, or `scan[2]` for an item.
pub type Results = BTreeMap<String, Value>;

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Call a tool and put its result under `step`.
    Call {
        /// The step key.
        step: String,
        /// The tool.
        tool: Name,
        /// The arguments; they conform to the tool's schema.
        args: Value,
    },
    /// Ask the agent's model and put its answer under `step`.
    Ask {
        /// The step key.
        step: String,
        /// The text.
        prompt: String,
        /// JSON Schema of the answer.
        answer: Value,
    },
    /// The run is over.
    Done {
        /// Its result.
        output: Value,
    },
}

/// Why a run cannot go on. The task fails with it; no call was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The input does not conform.
    #[error("input of the workflow is refused")]
    Input(#[source] Violation),
    /// The arguments of a call do not conform.
    #[error("arguments of step `{step}` are refused")]
    Arguments {
        /// The step key.
        step: String,
        /// How they differ.
        #[source]
        source: Violation,
    },
    /// A result is not what its tool's schema promises.
    #[error("result of step `{step}` is not what its tool promises: {reason}")]
    Output {
        /// The step key.
        step: String,
        /// How it differs.
        reason: String,
    },
    /// A reference finds nothing, or nothing that fits.
    #[error("reference `{reference}` finds no fitting value")]
    Result {
        /// The reference.
        reference: String,
    },
    /// An operand of a condition has an impossible type.
    #[error("operand of a condition has an impossible type")]
    Operand,
    /// A `for_each` got more items than its limit.
    #[error("step `{step}` has {count} items, more than its limit of {limit}")]
    Items {
        /// The step.
        step: String,
        /// How many items there are.
        count: usize,
        /// Its limit.
        limit: u32,
    },
    /// More would be copied than one call may hold.
    #[error("values of one step are larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// No step has that key.
    #[error("step `{step}` does not exist")]
    UnknownStep {
        /// The key.
        step: String,
    },
}

impl Workflow {
    /// The next call, or the result. Runs in time linear in the results and the items at hand.
    ///
    /// # Errors
    /// [`EvalError`] when the run cannot go on; the same arguments always give the same error.
    pub fn next(&self, input: &Value, results: &Results) -> Result<Next, EvalError> {
        self.check_input(input).map_err(EvalError::Input)?;
        let mut environment = Environment::new(input);
        for step in &self.steps {
            let next = match &step.each {
                None => step.next_once(results, &mut environment)?,
                Some(each) => step.next_item(each, results, &mut environment)?,
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
        environment.forget_copies();
        environment.fill(&self.output).map(|output| Next::Done { output })
    }

    /// Reads a tool's result as the value that later steps refer to: JSON that conforms, or `{"text": …}`.
    ///
    /// # Errors
    /// [`EvalError::Output`] when it is not what the tool promises; [`EvalError::UnknownStep`].
    pub fn read_output(&self, step_key: &str, output: &[u8]) -> Result<Value, EvalError> {
        let id = step_key.split_once('[').map_or(step_key, |(id, _)| id);
        let step =
            self.steps.iter().find(|step| step.id == id).ok_or_else(|| EvalError::UnknownStep { step: step_key.to_owned() })?;
        let refuse = |reason: String| EvalError::Output { step: step_key.to_owned(), reason };
        if step.answer.is_some() {
            let value = Reply::of_payload(output).filter(|reply| reply.finish == Finish::Stop);
            let value =
                value.as_ref().and_then(answer_of).ok_or_else(|| refuse("the answer is not JSON, or not whole".to_owned()))?;
            let checked = step.given.as_ref().map_or(Ok(()), |schema| schema.check(&value));
            return checked.map(|()| value).map_err(|violation| refuse(violation.to_string()));
        }
        match &step.given {
            None => Ok(serde_json::json!({ "text": String::from_utf8_lossy(output) })),
            Some(schema) => {
                let value =
                    crate::json::parse_within(output, crate::payload::LEN_MAX).map_err(|error| refuse(error.to_string()))?;
                schema.check(&value).map_err(|violation| refuse(violation.to_string()))?;
                Ok(value)
            }
        }
    }
}

impl Step {
    fn next_once<'a>(&'a self, results: &'a Results, environment: &mut Environment<'a>) -> Result<Option<Next>, EvalError> {
        if let Some(output) = results.get(&self.id) {
            environment.put_output(&self.id, output);
            return Ok(None);
        }
        environment.forget_copies();
        self.call(self.id.clone(), environment)
    }

    fn next_item<'a>(
        &'a self,
        each: &'a Each,
        results: &'a Results,
        environment: &mut Environment<'a>,
    ) -> Result<Option<Next>, EvalError> {
        let mut done = self.done(results);
        let items = each.items(&self.id, environment)?;
        let count = items.len();
        for (index, item) in items.into_iter().enumerate() {
            if done.contains_key(&index) {
                continue;
            }
            environment.put_item(Some((&each.item, item)));
            environment.forget_copies();
            let call = self.call(format!("{}[{index}]", self.id), environment)?;
            if call.is_some() {
                return Ok(call);
            }
        }
        environment.put_item(None);
        let _beyond = done.split_off(&count);
        environment.put_list(&self.id, done.into_values().collect());
        Ok(None)
    }

    /// The results of its items, by index.
    fn done<'a>(&self, results: &'a Results) -> BTreeMap<usize, &'a Value> {
        // `[` is followed by `\` in ASCII, so the range holds every key of this step and none of another.
        let (from, to) = (format!("{}[", self.id), format!("{}\\", self.id));
        let range = results.range::<str, _>((Bound::Included(from.as_str()), Bound::Excluded(to.as_str())));
        let index =
            |key: &str| key.strip_prefix(from.as_str()).and_then(|rest| rest.strip_suffix(']')).and_then(|n| n.parse().ok());
        range.filter_map(|(key, value)| index(key).map(|index| (index, value))).collect()
    }

    fn call(&self, key: String, environment: &Environment<'_>) -> Result<Option<Next>, EvalError> {
        if let Some(condition) = &self.condition
            && !condition.holds(environment)?
        {
            return Ok(None);
        }
        let args = environment.fill(&self.args)?;
        match self.wanted.check(&args) {
            Ok(()) => Ok(Some(match &self.answer {
                None => Next::Call { step: key, tool: self.tool.clone(), args },
                Some(answer) => {
                    let prompt = args.get("prompt").and_then(Value::as_str).unwrap_or_default().to_owned();
                    Next::Ask { step: key, prompt, answer: answer.clone() }
                }
            })),
            Err(source) => Err(EvalError::Arguments { step: key, source }),
        }
    }
}

impl Each {
    /// The items; refused as a whole beyond the limit, so that no part of them runs.
    pub(super) fn items(&self, step: &str, environment: &Environment<'_>) -> Result<Vec<Value>, EvalError> {
        let check = |count: usize| match u32::try_from(count) {
            Ok(n) if n <= self.limit => Ok(()),
            Ok(_) | Err(_) => Err(EvalError::Items { step: step.to_owned(), count, limit: self.limit }),
        };
        match environment.view(&self.over)? {
            View::Many(items) => {
                check(items.len())?;
                Ok(items.iter().copied().cloned().collect())
            }
            View::One(value) => match value.as_ref() {
                Value::Array(items) => {
                    check(items.len())?;
                    Ok(items.clone())
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                    Err(EvalError::Result { reference: format!("{step}.for_each") })
                }
            },
        }
    }
}
