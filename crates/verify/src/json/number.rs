//! The one text of a number (RFC 8785 §3.2.2.3, that is ECMAScript's).

/// Largest integer that a double holds unrounded.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Whether the text is that of a number, as canonical JSON writes it.
pub(super) fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let zero_first = digits.len() > 1 && digits.starts_with('0');
        return !zero_first && text != "-0" && digits.parse::<u64>().is_ok_and(|number| number <= INTEGER_MAX);
    }
    let Ok(number) = text.parse::<f64>() else { return false };
    number.is_finite() && number.fract() != 0.0 && fraction(number).as_deref() == Some(text)
}

/// ECMAScript's text of a number with a fraction.
fn fraction(number: f64) -> Option<String> {
    let shortest = format!("{:e}", number.abs());
    let (mantissa, exponent) = shortest.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let sign = if number < 0.0 { "-" } else { "" };
    let point = exponent + 1;
    let body = if point <= -6 {
        let (first, rest) = digits.split_at_checked(1)?;
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{exponent}")
    } else if point <= 0 {
        format!("0.{}{digits}", "0".repeat(usize::try_from(-point).ok()?))
    } else {
        let (whole, rest) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{whole}.{rest}")
    };
    Some(format!("{sign}{body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_text() {
        for good in [
            "0",
            "7",
            "-7",
            "9007199254740991",
            "-9007199254740991",
            "0.5",
            "-0.5",
            "1.5",
            "123.456",
            "0.000001",
            "1e-7",
            "1.5e-7",
            "5e-324",
            "2.2250738585072014e-308",
            "0.1",
            "333333333.3333333",
            "-0.0000033333333333333333",
        ] {
            assert!(is_canonical(good), "{good}");
        }
        for bad in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            "1.0",
            "1.50",
            ".5",
            "5.",
            "1e0",
            "1E-7",
            "1e-07",
            "0.0000001",
            "1e400",
            "1e21",
            "NaN",
            "inf",
            "infinity",
            "-0.0",
            "0.0",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            "1e-400",
            "0.10",
            "0x1",
            "1_0",
            "0.1000000000000000055511151231257827",
        ] {
            assert!(!is_canonical(bad), "{bad}");
        }
    }
}
