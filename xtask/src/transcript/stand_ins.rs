//! What a page shows and what stands there while it runs: a folder for a home, free ports, a scripted model, the newest id.

use super::LEFT_OUT;

/// Kinds of ids that are printed and typed again.
const KINDS: [&str; 7] = ["task_", "apr_", "eff_", "dec_", "agt_", "hum_", "svc_"];

/// Pairs of what is shown and what is real.
#[derive(Debug, Default)]
pub(super) struct StandIns(Vec<(String, String)>);

impl StandIns {
    /// From here on the one stands for the other; longer texts are looked for first.
    pub(super) fn add(&mut self, shown: &str, real: &str) {
        self.0.retain(|(known, _)| known != shown);
        self.0.push((shown.to_owned(), real.to_owned()));
        self.0.sort_by_key(|(shown, _)| std::cmp::Reverse(shown.len()));
    }

    /// What is run or written for what is shown; `apr_…` is the newest approval that was `printed`.
    pub(super) fn real(&self, shown: &str, printed: &str) -> String {
        let real = self.0.iter().fold(shown.to_owned(), |text, (shown, real)| text.replace(shown, real));
        KINDS.iter().fold(real, |text, kind| match newest(printed, kind) {
            Some(id) => text.replace(&format!("{kind}{LEFT_OUT}"), id),
            None => text,
        })
    }

    /// What a page shows of what was printed.
    pub(super) fn shown(&self, real: &str) -> String {
        self.0.iter().fold(real.to_owned(), |text, (shown, real)| text.replace(real, shown))
    }
}

/// The last id of a kind in a text.
fn newest<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.rfind(|word| word.len() > kind.len() && word.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::StandIns;

    #[test]
    fn longer_texts_first_and_back_again() {
        let mut pairs = StandIns::default();
        pairs.add("7", "1007");
        pairs.add("h:7/v1", "h:9/x");
        pairs.add("7", "1008");
        assert_eq!(pairs.real("ask h:7/v1, 7", ""), "ask h:9/x, 1008");
        assert_eq!(pairs.shown("ask h:9/x, 1008"), "ask h:7/v1, 7");
    }

    #[test]
    fn an_id_that_is_left_out_is_the_newest() {
        let pairs = StandIns::default();
        let printed = "task_1 apr_A1\nscalbotics approval show apr_B2\napr_ eff_…";
        assert_eq!(pairs.real("show apr_… of task_…, eff_…", printed), "show apr_B2 of task_1, eff_…");
    }
}
