//! From files of policies to one validated set.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use scalbotics_core::desired::{Finding, FindingKind, PolicyFile};

use super::place::{Lines, Place};
use super::schema::LEVEL;

/// Most bytes of all policies together; a large tenant has a hundredth, and every reload reads them all.
pub(super) const TEXT_LEN_MAX: usize = 1 << 20;

/// Most policies; every question walks all of them.
pub(super) const POLICIES_MAX: usize = 2_000;

/// Deepest nesting of brackets, and most operators before one operand: the parser recurses.
pub(super) const NESTING_MAX: usize = 32;

/// Most words and signs of one policy; a list of a thousand names fits.
pub(super) const TOKENS_MAX: usize = 4_096;

/// Most operators of one policy: chains of them are deep trees to the parser, and Cedar's type checker lets a rule pass
/// that it is too deep to check.
pub(super) const OPERATORS_MAX: usize = 128;

/// Most `if` of one policy: the time of the type checker grows steeply with them.
pub(super) const IFS_MAX: usize = 8;

/// Stack of the thread that compiles, in bytes: ten times what the deepest rule within the limits takes.
const STACK_LEN: usize = 64 << 20;

/// Longest id of a policy, in bytes; it is shown in every explanation.
pub(super) const ID_LEN_MAX: usize = 128;

/// Most findings that are reported: nobody reads more before mending the first.
const FINDINGS_MAX: usize = 100;

/// Policies in force together, and where each stands.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) policies: PolicySet,
    pub(super) places: BTreeMap<String, Place>,
}

/// A finding at a place, or about the whole bundle.
pub(super) fn finding(place: Option<Place>, what: String, why: &str, next: &str) -> Finding {
    let (file, line) = place.map_or_else(|| ("policies".to_owned(), None), |place| (place.file, Some(place.line)));
    Finding { file, line, kind: FindingKind::Value, what, why: why.to_owned(), next: next.to_owned() }
}

/// Parses every file and validates the whole, on a stack of its own: Cedar recurses.
pub(super) fn compile(files: &[PolicyFile], schema: &Schema) -> Result<Bundle, Vec<Finding>> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("policy-compile".to_owned()).stack_size(STACK_LEN);
        let compiled = thread.spawn_scoped(scope, || compile_here(files, schema));
        compiled.ok().and_then(|handle| handle.join().ok()).unwrap_or_else(|| {
            let (why, next) =
                ("policies are only in force when they were validated", "try again when the machine has memory to spare");
            Err(vec![finding(None, "policies could not be compiled".to_owned(), why, next)])
        })
    })
}

fn compile_here(files: &[PolicyFile], schema: &Schema) -> Result<Bundle, Vec<Finding>> {
    let mut reader = Reader::default();
    reader.check_sizes(files);
    if reader.findings.is_empty() {
        for file in files {
            reader.read(file);
        }
    }
    reader.check_number();
    if reader.findings.is_empty() {
        reader.validate(schema);
    }
    let Reader { policies, places, sources: _, mut findings } = reader;
    if findings.is_empty() {
        return Ok(Bundle { policies, places });
    }
    findings.sort();
    findings.dedup();
    findings.truncate(FINDINGS_MAX);
    Err(findings)
}

#[derive(Default)]
struct Reader {
    policies: PolicySet,
    places: BTreeMap<String, Place>,
    sources: BTreeMap<String, Lines>,
    findings: Vec<Finding>,
}

impl Reader {
    fn check_sizes(&mut self, files: &[PolicyFile]) {
        let len: usize = files.iter().map(|file| file.text.len()).sum();
        if len > TEXT_LEN_MAX {
            let what = format!("policies have {len} bytes together, the limit is {TEXT_LEN_MAX}");
            let next = "remove rules that are not used, or say the same with groups";
            self.findings
                .push(Finding { kind: FindingKind::Size, ..finding(None, what, "every reload reads all of them", next) });
        }
        let mut paths = BTreeSet::new();
        for file in files {
            if !paths.insert(file.path.as_str()) {
                let what = format!("file `{}` is given twice", file.path);
                self.findings.push(finding(None, what, "a place must name one rule", "remove one of them"));
            }
            self.check_shape(file);
        }
    }

    /// Refuses what would make the parser recurse without end, before it sees it.
    fn check_shape(&mut self, file: &PolicyFile) {
        let Err((offset, what)) = super::shape::check(&file.text) else { return };
        let place = Place { file: file.path.clone(), line: Lines::of(&file.text).line(offset) };
        let why = "rules are read by people, and the parser recurses";
        self.findings.push(Finding { kind: FindingKind::Size, ..finding(Some(place), what, why, "split the rule into several") });
    }

    fn check_number(&mut self) {
        let number = self.policies.num_of_policies();
        if number > POLICIES_MAX {
            let what = format!("there are {number} policies, the limit is {POLICIES_MAX}");
            let next = "say the same with groups of principals or actions";
            let why = "every question walks all of them";
            self.findings.push(Finding { kind: FindingKind::Size, ..finding(None, what, why, next) });
        }
    }

    fn read(&mut self, file: &PolicyFile) {
        let lines = Lines::of(&file.text);
        let place = |offset: usize| Place { file: file.path.clone(), line: lines.line(offset) };
        let parsed: PolicySet = match file.text.parse() {
            Ok(parsed) => parsed,
            Err(errors) => {
                let errors: cedar_policy::ParseErrors = errors;
                self.findings.extend(errors.iter().map(|error| {
                    let why = "policies are only in force when the whole of them is read";
                    let next = help(error, "mend the rule; the language is described at docs.cedarpolicy.com");
                    let at = place(offset(error).unwrap_or(0));
                    Finding { kind: FindingKind::Syntax, ..finding(Some(at), error.to_string(), why, &next) }
                }));
                return;
            }
        };
        for template in parsed.templates() {
            let at = template.as_ref().loc().map_or(0, |loc| loc.start());
            let what = "a template is not a rule until somebody links it".to_owned();
            let next = "write the principal and resource where `?principal` and `?resource` stand";
            self.findings.push(finding(Some(place(at)), what, "nothing links templates here", next));
        }
        let mut policies: Vec<(usize, &Policy)> =
            parsed.policies().map(|policy| (policy.as_ref().loc().map_or(0, |loc| loc.start()), policy)).collect();
        policies.sort_by_key(|(offset, _)| *offset);
        for (number, (offset, policy)) in policies.into_iter().enumerate() {
            self.add(policy, number + 1, place(offset));
        }
        self.sources.insert(file.path.clone(), lines);
    }

    fn add(&mut self, policy: &Policy, number: usize, place: Place) {
        let id = match policy.annotation("id") {
            Some(id) if id.is_empty() || id.len() > ID_LEN_MAX || id.chars().any(char::is_control) => {
                let what = format!("the id of a rule is not 1 to {ID_LEN_MAX} bytes without control characters");
                self.findings.push(finding(Some(place), what, "ids are shown to people", "choose a short id"));
                return;
            }
            Some(id) => id.to_owned(),
            None => format!("{}#{number}", place.file),
        };
        if let Some(other) = self.places.get(&id) {
            let what = format!("id `{id}` is taken by the rule at {other}");
            self.findings.push(finding(Some(place), what, "an id must name one rule", "choose another id"));
            return;
        }
        if self.policies.add(policy.new_id(PolicyId::new(&id))).is_err() {
            let what = format!("rule `{id}` cannot be added");
            self.findings.push(finding(Some(place), what, "an id must name one rule", "choose another id"));
            return;
        }
        self.places.insert(id, place);
    }

    fn validate(&mut self, schema: &Schema) {
        let validator = Validator::new(schema.clone());
        let result = validator.validate_with_level(&self.policies, ValidationMode::Strict, LEVEL);
        let errors = result.validation_errors().map(|error| {
            let next = help(error, "mend the rule; `scalbotics tool list` names the tools, whose files name their arguments");
            let why = "a rule that the schema does not know could err when it is needed, and an error denies";
            (error.policy_id().to_string(), offset(error), error.to_string(), why, next)
        });
        let warnings = result.validation_warnings().map(|warning| {
            let next = help(warning, "mend or remove the rule");
            let why = "a rule that does nothing, or does not look like what it says, misleads its readers";
            (warning.policy_id().to_string(), offset(warning), warning.to_string(), why, next)
        });
        let found: Vec<_> = errors.chain(warnings).collect();
        for (policy, offset, what, why, next) in found {
            let place = self.places.get(&policy).cloned().map(|start| self.place_in(start, offset));
            self.findings.push(finding(place, what, why, &next));
        }
    }

    fn place_in(&self, start: Place, offset: Option<usize>) -> Place {
        match (self.sources.get(&start.file), offset) {
            (Some(lines), Some(offset)) => Place { line: lines.line(offset), ..start },
            (None, _) | (_, None) => start,
        }
    }
}

/// Where a diagnosis points to, as a byte offset.
fn offset(diagnostic: &dyn Diagnostic) -> Option<usize> {
    diagnostic.labels().and_then(|mut labels| labels.next()).map(|label| label.offset())
}

fn help(diagnostic: &dyn Diagnostic, otherwise: &str) -> String {
    diagnostic.help().map_or_else(|| otherwise.to_owned(), |help| help.to_string())
}
