//! From the file to a workflow that can run: everything that can be refused is refused here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::condition::Condition;
use super::reference::is_id;
use super::scope::{Left, Scope, brief};
use super::template::Template;
use super::{Error, FILE_LEN_MAX, Fault, File, GOAL_LEN_MAX, ITEMS_MAX, QuestionFile, STEPS_MAX, StepFile, glob};
use crate::digest::Digest;
use crate::model;
use crate::tenant::Name;
use crate::tool::schema::{Kind, Schema, Violation};
use crate::tool::{self, Definition};

/// Domain tag of workflow digests.
const DIGEST_TAG: &str = "scalbotics/workflow/v1";

/// A workflow that was validated against the tools that it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Its id.
    pub id: Name,
    /// One sentence for people.
    pub description: String,
    /// Schema of its input.
    pub input: Schema,
    /// Digest of the file; a task records it (semantics §9.3).
    pub digest: Digest,
    pub(super) goal: Option<String>,
    pub(super) steps: Vec<Step>,
    pub(super) output: Template,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) tool: Name,
    /// Schema of the tool's arguments when the workflow was loaded.
    pub(super) wanted: Schema,
    /// Schema of the tool's result; `None` means text.
    pub(super) given: Option<Schema>,
    pub(super) args: Template,
    /// JSON Schema of the answer, where the step asks a model: its tool is `model.call` then, and its arguments are `prompt`.
    pub(super) answer: Option<Value>,
    pub(super) condition: Option<Condition>,
    pub(super) each: Option<Each>,
}

/// The list that a step walks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Each {
    pub(super) over: Template,
    pub(super) item: String,
    pub(super) limit: u32,
}

impl Workflow {
    /// Validates a file against the tools that exist.
    ///
    /// # Errors
    /// [`Error`], the first refusal in order of the file, with its place.
    pub fn parse(file: &File, tools: &BTreeMap<Name, Arc<Definition>>) -> Result<Self, Error> {
        let refuse = |at: &str, fault| Error { workflow: file.id.clone(), at: at.to_owned(), fault };
        let bytes = crate::json::canonical_of(file).map_err(|_| refuse("steps", Fault::Number))?;
        if bytes.len() > FILE_LEN_MAX {
            return Err(refuse("steps", Fault::FileLen { len: bytes.len() }));
        }
        let goal = file.matches.as_ref().map(|matches| matches.goal.clone());
        if let Some(len) = goal.as_deref().map(|goal| goal.trim().len()).filter(|len| *len == 0 || *len > GOAL_LEN_MAX) {
            return Err(refuse("match.goal", Fault::Goal { len }));
        }
        let input = Schema::parse_input(&file.input).map_err(|error| refuse("input", Fault::Schema(error)))?;
        if file.steps.is_empty() || file.steps.len() > STEPS_MAX {
            return Err(refuse("steps", Fault::Steps { count: file.steps.len() }));
        }
        let ids = unique(&file.steps).map_err(|(at, fault)| refuse(&at, fault))?;
        let mut scope = Scope { input: input.clone(), ids, earlier: BTreeMap::new(), item: None };
        let mut steps = Vec::new();
        for step in &file.steps {
            let parsed =
                parse_step(step, tools, &mut scope).map_err(|(at, fault)| refuse(&format!("steps.{}{at}", step.id), fault))?;
            steps.push(parsed);
        }
        let output = file.output.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let output = Template::parse(&output).map_err(|(at, fault)| refuse(&format!("output{at}"), fault))?;
        scope.fit_any(&output).map_err(|(at, fault)| refuse(&format!("output{at}"), fault))?;
        let digest = Digest::of_parts(DIGEST_TAG, &[&bytes]);
        Ok(Self { id: file.id.clone(), description: file.description.clone(), input, digest, goal, steps, output })
    }

    /// Whether a task with this goal and input runs here: the goal matches and the input conforms.
    #[must_use]
    pub fn matches(&self, goal: &str, input: &Value) -> bool {
        self.goal.as_deref().is_some_and(|pattern| glob::matches(pattern, goal)) && self.check_input(input).is_ok()
    }

    /// Checks the input of a task that names this workflow.
    ///
    /// # Errors
    /// [`Violation`] when it does not conform.
    pub fn check_input(&self, input: &Value) -> Result<(), Violation> {
        self.input.check(input)
    }

    /// The tools that it may call.
    #[must_use]
    pub fn tools(&self) -> BTreeSet<&Name> {
        self.steps.iter().map(|step| &step.tool).collect()
    }

    /// Whether a step of it asks a model.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.steps.iter().any(|step| step.answer.is_some())
    }

    /// Most calls that one run makes.
    #[must_use]
    pub fn calls_max(&self) -> u64 {
        self.steps.iter().map(|step| step.each.as_ref().map_or(1, |each| u64::from(each.limit))).sum()
    }
}

fn unique(steps: &[StepFile]) -> Result<BTreeSet<String>, (String, Fault)> {
    let mut ids = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        if !is_id(&step.id) {
            return Err((format!("steps.{index}.id"), Fault::Id { id: step.id.chars().take(80).collect() }));
        }
        if !ids.insert(step.id.clone()) {
            return Err((format!("steps.{index}.id"), Fault::Duplicate { id: step.id.clone() }));
        }
    }
    Ok(ids)
}

/// Checks one step and adds it to the scope of the later ones.
fn parse_step(file: &StepFile, tools: &BTreeMap<Name, Arc<Definition>>, scope: &mut Scope) -> Result<Step, (String, Fault)> {
    let doing = Doing::of(file, tools)?;
    let each = parse_each(file, scope)?;
    scope.item = each.as_ref().map(|(each, schema)| (each.item.clone(), schema.clone()));
    let condition = match &file.condition {
        None => None,
        Some(condition) => Some(Condition::parse(condition, scope).map_err(|(at, fault)| (format!(".if{at}"), fault))?),
    };
    let place =
        |(at, fault): (String, Fault)| (format!("{}{at}", if doing.answer.is_some() { ".model" } else { ".args" }), fault);
    let args = Template::parse(&doing.args).map_err(place)?;
    scope.fit(&args, &doing.wanted).map_err(place)?;
    scope.item = None;
    let left = Left {
        output: doing.given.clone().unwrap_or_else(Schema::text_output),
        conditional: condition.is_some(),
        many: each.is_some(),
    };
    scope.earlier.insert(file.id.clone(), left);
    Ok(Step {
        id: file.id.clone(),
        tool: doing.tool,
        wanted: doing.wanted,
        given: doing.given,
        args,
        answer: doing.answer,
        condition,
        each: each.map(|(each, _)| each),
    })
}

/// What a step does, a question to a model put as a call.
struct Doing {
    tool: Name,
    wanted: Schema,
    given: Option<Schema>,
    args: Value,
    answer: Option<Value>,
}

impl Doing {
    fn of(file: &StepFile, tools: &BTreeMap<Name, Arc<Definition>>) -> Result<Self, (String, Fault)> {
        match (&file.tool, &file.model) {
            (Some(id), None) => {
                let unknown = || (".tool".to_owned(), Fault::UnknownTool { tool: id.clone() });
                let tool = tools.get(id).filter(|tool| tool.kind != tool::Kind::Model).ok_or_else(unknown)?;
                let (wanted, given) = (tool.input.clone(), tool.output.clone());
                Ok(Self { tool: id.clone(), wanted, given, args: file.args.clone(), answer: None })
            }
            (None, Some(question)) if file.args.as_object().is_some_and(serde_json::Map::is_empty) => Self::asking(question),
            (Some(_) | None, _) => Err((String::new(), Fault::Doing)),
        }
    }

    fn asking(question: &QuestionFile) -> Result<Self, (String, Fault)> {
        let refuse = |error| (".model.output".to_owned(), Fault::Schema(error));
        let given = Schema::parse_input(&question.output).map_err(refuse)?;
        let prompt = json!({"type": "object", "required": ["prompt"], "properties": {"prompt": {"type": "string"}}});
        let wanted = Schema::parse_input(&prompt).map_err(refuse)?;
        let call = model::call::definition().ok_or_else(|| (".model".to_owned(), Fault::Doing))?;
        let (args, answer) = (json!({"prompt": question.prompt}), Some(question.output.clone()));
        Ok(Self { tool: call.id.clone(), wanted, given: Some(given), args, answer })
    }
}

/// The list that a step walks, with the schema of its items.
fn parse_each(file: &StepFile, scope: &Scope) -> Result<Option<(Each, Schema)>, (String, Fault)> {
    let (over, item, limit) = match (&file.for_each, &file.item, file.limit) {
        (None, None, None) => return Ok(None),
        (Some(over), Some(item), Some(limit)) if (1..=ITEMS_MAX).contains(&limit) => (over, item, limit),
        _ => return Err((".for_each".to_owned(), Fault::Loop)),
    };
    if !is_id(item) {
        return Err((".as".to_owned(), Fault::Id { id: item.chars().take(80).collect() }));
    }
    let at = |fault| (".for_each".to_owned(), fault);
    let over = Template::parse(over).map_err(|(below, fault)| (format!(".for_each{below}"), fault))?;
    let schema = scope.infer(&over).map_err(at)?;
    match schema.kind() {
        Kind::Array(array) => Ok(Some((Each { over, item: item.clone(), limit }, Schema::clone(&array.items)))),
        Kind::Object(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Number | Kind::Boolean => {
            Err(at(Fault::Mismatch { reason: format!("a list is wanted, not {}", brief(&schema)) }))
        }
    }
}
