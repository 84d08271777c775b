//! Secrets with a shape of their own: the table of `rules.txt`, read once.

use std::sync::LazyLock;

use super::aws_pair;
use super::bytes::{at, begins_word, ends_word, entropy, part, run};
use super::pattern::Pattern;
use super::span::{Finds, rank};
use super::stand_in::is_sample;

/// The rules as they are written.
const RULES: &str = include_str!("rules.txt");

/// A rule.
pub(super) struct Rule {
    pub(super) kind: &'static str,
    pub(super) pattern: Pattern,
    any_case: bool,
    /// Whether nothing of a word may follow.
    exact: bool,
    /// Whether it is tried where a long run of letters and digits begins.
    pub(super) at_runs: bool,
    entropy_min: f64,
}

/// All rules.
pub(super) static ALL: LazyLock<Vec<Rule>> =
    LazyLock::new(|| RULES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(rule).collect());

/// For each byte the numbers of the rules that are tried where a long run begins with it.
pub(super) static AT_RUNS: LazyLock<Vec<Vec<usize>>> = LazyLock::new(|| {
    let at_runs = || ALL.iter().enumerate().filter(|(_, rule)| rule.at_runs);
    (0..=u8::MAX)
        .map(|byte| at_runs().filter(|(_, rule)| rule.pattern.may_begin(byte)).map(|(number, _)| number).collect())
        .collect()
});

/// Bytes of a match by which it is judged.
const JUDGED_LEN_MAX: usize = 128;

/// The rule of a line.
fn rule(line: &'static str) -> Option<Rule> {
    let (kind, rest) = line.split_once(' ')?;
    let (flags, pattern) = rest.trim_start().split_once(' ')?;
    let tenths: String = flags.chars().filter(char::is_ascii_digit).collect();
    Some(Rule {
        kind,
        pattern: Pattern::parse(pattern.trim())?,
        any_case: flags.contains('i'),
        exact: flags.contains('x'),
        at_runs: flags.contains('r'),
        entropy_min: f64::from(tenths.parse::<u16>().unwrap_or_default()) / 10.0,
    })
}

impl Rule {
    /// Covers what this rule finds at `start`; otherwise answers up to where it need not be tried again.
    pub(super) fn find(&self, view: &[u8], start: usize, finds: &mut Finds<'_>) -> Result<(), usize> {
        if at(view, start).is_ascii_alphanumeric() && !begins_word(view, start) {
            return Err(start);
        }
        let end = self.pattern.matches(view, start, self.any_case)?;
        if self.exact && !ends_word(view, end) {
            return Err(start);
        }
        let found = part(view, start, end.min(start + JUDGED_LEN_MAX));
        if entropy(found) < self.entropy_min || is_sample(found) {
            return Err(start);
        }
        // Providers make their keys longer from time to time.
        let end = if self.exact {
            end
        } else {
            run(view, end, view.len(), |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        finds.add(start, end, self.kind, rank::SHAPE);
        if self.kind == aws_pair::KEY_ID {
            aws_pair::find_secret(view, start, end, finds);
        }
        Ok(())
    }
}

/// Covers the secret of an application of Entra ID whose tilde is at a place: three signs, a digit, `Q~`, and 31 to 34 more.
pub(super) fn find_azure_secret(view: &[u8], tilde: usize, finds: &mut Finds<'_>) {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-');
    let Some(start) = tilde.checked_sub(5).filter(|_| at(view, tilde - 1) == b'Q' && at(view, tilde - 2).is_ascii_digit()) else {
        return;
    };
    let end = run(view, tilde + 1, 40, is);
    let begins = start == 0 || !is(at(view, start - 1));
    if begins
        && part(view, start, tilde).iter().all(|byte| is(*byte))
        && (31..=35).contains(&(end - tilde - 1))
        && entropy(part(view, start, end)) >= 3.0
    {
        finds.add(start, end, "azure-client-secret", rank::SHAPE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_rule_that_can_be_looked_for() {
        let lines = RULES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(ALL.len(), lines);
        assert!(lines >= 200, "{lines}");
        let short = |rule: &&Rule| rule.pattern.beginnings().iter().any(|beginning| beginning.bytes.len() < 4);
        let lost: Vec<_> = ALL.iter().filter(|rule| !rule.at_runs).filter(short).map(|rule| rule.kind).collect();
        assert!(lost.is_empty(), "nothing to look for: {lost:?}");
    }
}
