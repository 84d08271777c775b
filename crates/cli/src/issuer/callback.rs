//! What the browser brings back: the answer to an authorization request (RFC 6749 §4.1.2, RFC 9207).

use super::error::{Error, cut};

/// Longest query, in bytes: codes of some issuers are tokens.
pub(super) const QUERY_LEN_MAX: usize = 16 << 10;

/// What an answer to this login has to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The state that was sent.
    pub(super) state: &'a str,
    /// The issuer that was asked.
    pub(super) issuer: &'a str,
    /// Whether that one always says who it is.
    pub(super) names_itself: bool,
}

/// One answer, read but not judged.
#[derive(Debug, Default)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Whether this is an answer to this login at all: anybody can send a browser to this address.
pub(super) fn is_ours(query: &str, expected: &Expected<'_>) -> bool {
    read(query).is_ok_and(|answer| answer.state.as_deref() == Some(expected.state))
}

/// The code of an answer.
///
/// The issuer is looked at before anything else counts: an answer of another one is an attack in progress (RFC 9207 §2.4).
pub(super) fn code(query: &str, expected: &Expected<'_>) -> Result<String, Error> {
    let answer = read(query)?;
    if answer.state.as_deref() != Some(expected.state) {
        return Err(Error::Callback("the browser brought the answer to another login: its `state` is not this one's"));
    }
    match answer.iss.as_deref() {
        Some(iss) if iss != expected.issuer => {
            return Err(Error::Callback(
                "the browser brought an answer of another identity provider: its `iss` is not the context's",
            ));
        }
        None if expected.names_itself => {
            return Err(Error::Callback(
                "the answer does not say whose it is, and this identity provider always says it (`iss`)",
            ));
        }
        Some(_) | None => {}
    }
    if let Some(code) = answer.error {
        return Err(Error::Denied { code: cut(&code), description: cut(&answer.error_description.unwrap_or_default()) });
    }
    answer.code.filter(|code| !code.is_empty()).ok_or(Error::Callback("the browser brought no code"))
}

fn read(query: &str) -> Result<Answer, Error> {
    if query.len() > QUERY_LEN_MAX {
        return Err(Error::Callback("the answer is longer than any"));
    }
    let mut answer = Answer::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match name.as_ref() {
            "code" => &mut answer.code,
            "state" => &mut answer.state,
            "iss" => &mut answer.iss,
            "error" => &mut answer.error,
            "error_description" => &mut answer.error_description,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(Error::Callback("a parameter of the answer stands twice"));
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_login_has_a_code() {
        let says = |names_itself| Expected { state: "s", issuer: "https://i", names_itself };
        let cases = [
            ("code=c&state=s", false, Ok("c")),
            ("code=c&state=s&iss=https%3A%2F%2Fi&session_state=x", true, Ok("c")),
            ("code=a%2Bb+c&state=s", false, Ok("a+b c")),
            ("code=c&state=s", true, Err("always says it")),
            ("code=c&state=s&iss=https%3A%2F%2Fevil", false, Err("another identity provider")),
            ("code=c&state=s&iss=https%3A%2F%2Fi%2F", true, Err("another identity provider")),
            ("error=access_denied&state=s&iss=https%3A%2F%2Fevil", true, Err("another identity provider")),
            ("error=access_denied&error_description=no&state=s", false, Err("says access_denied (no)")),
            ("code=c&error=x&state=s", false, Err("says x")),
            ("code=c&state=t", false, Err("another login")),
            ("code=c", false, Err("another login")),
            ("", false, Err("another login")),
            ("state=s", false, Err("no code")),
            ("code=&state=s", false, Err("no code")),
            ("code=c&code=d&state=s", false, Err("twice")),
            ("code=c&state=t&state=s", false, Err("twice")),
        ];
        for (query, names_itself, wanted) in cases {
            match (code(query, &says(names_itself)), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{query}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{query}: {error}"),
                (found, wanted) => panic!("{query}: {found:?} and not {wanted:?}"),
            }
        }
        assert!(is_ours("state=s&error=x", &says(true)) && !is_ours("state=t&code=c", &says(true)));
        assert!(!is_ours(&format!("state=s&code={}", "x".repeat(QUERY_LEN_MAX)), &says(true)));
    }
}
