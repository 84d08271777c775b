//! What a page tells its test in comments that no reader sees: `<!-- test: … -->`, one a line.
//!
//! `continues PATH`: it runs where the page of that path, seen from its own folder, left off. `port N`: a free port stands for this one.
//! `service N ANSWER`: something at this port answers every request so. `model URL ANSWERS`: a scripted model stands at this base URL and gives these
//! answers, a JSON list, in this order. `git URL HEADER`: a git server with an empty repository stands at this address, and wants this `Authorization`.

/// One remark.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    Continues(&'a str),
    Port(&'a str),
    Service { port: &'a str, answer: &'a str },
    Model { address: &'a str, answers: &'a str },
    Git { address: &'a str, authorization: &'a str },
}

const BEGIN: &str = "<!-- test: ";
const END: &str = " -->";

/// The remarks of a document, in their order.
pub(super) fn marks(document: &str) -> Result<Vec<Mark<'_>>, String> {
    let said = document.lines().filter_map(|line| line.strip_prefix(BEGIN));
    said.map(|line| line.strip_suffix(END).and_then(mark).ok_or_else(|| format!("`{line}` is no remark that a test knows")))
        .collect()
}

fn mark(words: &str) -> Option<Mark<'_>> {
    match words.split_once(' ')? {
        ("continues", path) => Some(Mark::Continues(path)),
        ("port", port) => port.parse::<u16>().is_ok().then_some(Mark::Port(port)),
        ("service", rest) => {
            let (port, answer) = rest.split_once(' ')?;
            port.parse::<u16>().is_ok().then_some(Mark::Service { port, answer })
        }
        ("model", rest) => {
            let (address, answers) = rest.split_once(' ')?;
            let is_list = serde_json::from_str::<Vec<serde_json::Value>>(answers).is_ok();
            is_list.then_some(Mark::Model { address, answers })
        }
        ("git", rest) => {
            let (address, authorization) = rest.split_once(' ')?;
            address.ends_with(".git").then_some(Mark::Git { address, authorization })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, marks};

    #[test]
    fn remarks_are_read_and_others_refused() {
        let text = "# A\n<!-- test: continues a.md -->\n<!-- a note -->\n<!-- test: port 8090 -->\n<!-- test: model http://x/v1 [{}] -->\n<!-- test: service 9 {\"a\": 1} -->\n<!-- test: git https://x/a.git Basic eA== -->\n";
        let wanted = [
            Mark::Continues("a.md"),
            Mark::Port("8090"),
            Mark::Model { address: "http://x/v1", answers: "[{}]" },
            Mark::Service { port: "9", answer: "{\"a\": 1}" },
            Mark::Git { address: "https://x/a.git", authorization: "Basic eA==" },
        ];
        assert_eq!(marks(text).unwrap(), wanted);
        for line in [
            "service x {}",
            "service 9",
            "port x",
            "port",
            "model http://x/v1 {}",
            "goes on",
            "port 1 --> so",
            "git https://x/a Basic eA==",
        ] {
            assert!(marks(&format!("<!-- test: {line} -->")).is_err(), "{line}");
        }
        assert!(marks("<!-- test: port 1").is_err());
    }
}
