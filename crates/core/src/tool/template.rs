//! Command lines with places for arguments, and no way to smuggle an option through them (security row 16).

use serde_json::{Map, Value};

/// Bytes of one element after substitution; the kernel's `MAX_ARG_STRLEN`.
const ELEMENT_BYTES_MAX: usize = 128 * 1024;

/// A parsed `argv`: elements of literal text and of the places `{{args.<name>}}` and `{{idempotency_key}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    elements: Vec<Vec<Part>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Argument(String),
    IdempotencyKey,
}

/// What is put in the places.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The call's arguments.
    pub arguments: &'a Map<String, Value>,
    /// The effect's idempotency key.
    pub idempotency_key: &'a str,
}

/// Why a command line could not be parsed or filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no program.
    #[error("the command line is empty")]
    Empty,
    /// The program is not an absolute path, or has a place in it.
    #[error("the program `{program}` is not a literal absolute path")]
    Program {
        /// The first element.
        program: String,
    },
    /// A place is not closed, or is neither an argument nor the idempotency key.
    #[error("`{element}` holds a place that is neither `{{{{args.<name>}}}}` nor `{{{{idempotency_key}}}}`")]
    Place {
        /// The element.
        element: String,
    },
    /// A value is missing for a place.
    #[error("the argument `{name}` is missing")]
    Missing {
        /// The argument.
        name: String,
    },
    /// A value is a list, an object or null, which have no form on a command line.
    #[error("the argument `{name}` is not a text, number or truth value")]
    Shape {
        /// The argument.
        name: String,
    },
    /// A value would be read as an option.
    #[error("the argument `{name}` starts with `-` where the program would take it for an option")]
    Option {
        /// The argument.
        name: String,
    },
    /// A value has a NUL byte or is too long for a command line.
    #[error("the argument `{name}` has a NUL byte or is longer than 131072 bytes")]
    Value {
        /// The argument.
        name: String,
    },
}

impl Template {
    /// Parses the elements of a manifest's `argv` or `verify`.
    ///
    /// # Errors
    /// [`TemplateError::Empty`], [`TemplateError::Program`] or [`TemplateError::Place`].
    pub fn parse(argv: &[String]) -> Result<Self, TemplateError> {
        let program = argv.first().ok_or(TemplateError::Empty)?;
        let elements = argv.iter().map(|element| parse_element(element)).collect::<Result<Vec<_>, _>>()?;
        let literal = matches!(elements.first().map(Vec::as_slice), Some([Part::Literal(text)]) if text.starts_with('/'));
        if !literal {
            return Err(TemplateError::Program { program: program.clone() });
        }
        Ok(Self { elements })
    }

    /// Puts the values in. A value stays inside its element whatever it contains; one that begins its element must not
    /// begin with `-`, unless an element `--` stands before it.
    ///
    /// # Errors
    /// The other variants of [`TemplateError`].
    pub fn fill(&self, values: Values<'_>) -> Result<Vec<String>, TemplateError> {
        let mut operands = false;
        let mut argv = Vec::with_capacity(self.elements.len());
        for element in &self.elements {
            let filled = fill_element(element, values, operands)?;
            // Only a literal `--` ends the options; a value can never be one.
            operands |= matches!(element.as_slice(), [Part::Literal(text)] if text == "--");
            argv.push(filled);
        }
        Ok(argv)
    }
}

fn parse_element(element: &str) -> Result<Vec<Part>, TemplateError> {
    let refuse = || TemplateError::Place { element: element.to_owned() };
    let mut parts = Vec::new();
    let mut rest = element;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, behind) = after.split_once("}}").ok_or_else(refuse)?;
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        let place = place.trim();
        parts.push(match place.strip_prefix("args.") {
            Some(name) if !name.is_empty() => Part::Argument(name.to_owned()),
            None if place == "idempotency_key" => Part::IdempotencyKey,
            Some(_) | None => return Err(refuse()),
        });
        rest = behind;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

fn fill_element(parts: &[Part], values: Values<'_>, operands: bool) -> Result<String, TemplateError> {
    let mut filled = String::new();
    for part in parts {
        let (name, text) = match part {
            Part::Literal(text) => ("", text.clone()),
            Part::IdempotencyKey => ("idempotency_key", values.idempotency_key.to_owned()),
            Part::Argument(name) => (name.as_str(), text_of(name, values.arguments)?),
        };
        let is_value = !name.is_empty();
        if is_value && filled.is_empty() && !operands && text.starts_with('-') {
            return Err(TemplateError::Option { name: name.to_owned() });
        }
        filled.push_str(&text);
        if filled.contains('\0') || filled.len() > ELEMENT_BYTES_MAX {
            return Err(TemplateError::Value { name: name.to_owned() });
        }
    }
    Ok(filled)
}

fn text_of(name: &str, arguments: &Map<String, Value>) -> Result<String, TemplateError> {
    match arguments.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(truth)) => Ok(truth.to_string()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) => Err(TemplateError::Shape { name: name.to_owned() }),
        None => Err(TemplateError::Missing { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(argv: &[&str], arguments: &Value) -> Result<Vec<String>, TemplateError> {
        let argv = argv.iter().map(|element| (*element).to_owned()).collect::<Vec<_>>();
        let arguments = arguments.as_object().unwrap();
        Template::parse(&argv)?.fill(Values { arguments, idempotency_key: "eff_1" })
    }

    fn check(argv: &[&str], arguments: Value, want: Result<&[&str], TemplateError>) {
        let got = fill(argv, &arguments);
        let want = want.map(|want| want.iter().map(|element| (*element).to_owned()).collect::<Vec<_>>());
        assert_eq!(got, want, "{argv:?} {arguments}");
    }

    #[test]
    fn values_stay_in_their_element() {
        check(&["/p", "{{args.a}}"], json!({ "a": "x y; rm $(z) \n'\"" }), Ok(&["/p", "x y; rm $(z) \n'\""]));
        check(&["/p", "--to={{ args.a }}.{{args.b}}"], json!({ "a": "-x", "b": 7 }), Ok(&["/p", "--to=-x.7"]));
        check(&["/p", "--key", "{{idempotency_key}}"], json!({}), Ok(&["/p", "--key", "eff_1"]));
        check(&["/p", "{{args.a}}"], json!({ "a": "{{args.b}}", "b": "no" }), Ok(&["/p", "{{args.b}}"]));
        check(&["/p", ""], json!({}), Ok(&["/p", ""]));
        check(&["/p", "{{args.a}}"], json!({ "a": true }), Ok(&["/p", "true"]));
    }

    #[test]
    fn values_never_become_options() {
        let option = |name: &str| Err(TemplateError::Option { name: name.into() });
        for evil in ["-oProxyCommand=x", "--upload-pack=x", "-", "--"] {
            check(&["/p", "{{args.a}}"], json!({ "a": evil }), option("a"));
            check(&["/p", "{{args.a}}x"], json!({ "a": evil }), option("a"));
            check(&["/p", "--", "{{args.a}}"], json!({ "a": evil }), Ok(&["/p", "--", evil]));
            check(&["/p", "x{{args.a}}"], json!({ "a": evil }), Ok(&["/p", &format!("x{evil}")]));
        }
        // An empty value in front opens no door, and a number can be negative.
        check(&["/p", "{{args.a}}{{args.b}}"], json!({ "a": "", "b": "-x" }), option("b"));
        check(&["/p", "{{args.a}}{{args.b}}"], json!({ "a": "-", "b": "-" }), option("a"));
        check(&["/p", "{{args.a}}"], json!({ "a": -1 }), option("a"));
    }

    #[test]
    fn wrong_values_and_templates_are_refused() {
        let name = || "a".to_owned();
        check(&["/p", "{{args.a}}"], json!({}), Err(TemplateError::Missing { name: name() }));
        check(&["/p", "{{args.a}}"], json!({ "a": null }), Err(TemplateError::Shape { name: name() }));
        check(&["/p", "{{args.a}}"], json!({ "a": ["x"] }), Err(TemplateError::Shape { name: name() }));
        check(&["/p", "{{args.a}}"], json!({ "a": "x\0y" }), Err(TemplateError::Value { name: name() }));
        check(&["/p", "{{args.a}}"], json!({ "a": "x".repeat(131_073) }), Err(TemplateError::Value { name: name() }));
        check(&[], json!({}), Err(TemplateError::Empty));
        for program in ["p", "", "{{args.a}}", "/p{{args.a}}"] {
            check(&[program], json!({ "a": "x" }), Err(TemplateError::Program { program: program.into() }));
        }
        for element in ["{{", "{{args.}}", "{{args}}", "{{env.HOME}}", "a{{args.x}"] {
            check(&["/p", element], json!({}), Err(TemplateError::Place { element: element.into() }));
        }
    }
}
