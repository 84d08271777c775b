//! Metrics as text (OpenMetrics 1.0).

use scalbotics_core::time::Timestamp;
use scalbotics_runtime::metrics::{BOUNDS_SECONDS, Sample, Shown};

use crate::authorities::Ends;
use crate::rpc::metrics::{CERTIFICATE_END, CLOCK_UNTRUSTED};

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of these samples, those of one name side by side.
#[must_use]
pub(crate) fn encode<'a>(samples: impl IntoIterator<Item = &'a Sample<'a>>) -> String {
    let mut text = String::with_capacity(8 << 10);
    let mut last = "";
    for sample in samples {
        let (kind, family) = match sample.shown {
            Shown::Counter(_) => ("counter", sample.name.strip_suffix("_total").unwrap_or(sample.name)),
            Shown::Gauge(_) => ("gauge", sample.name),
            Shown::Histogram(_) => ("histogram", sample.name),
        };
        if sample.name != last {
            last = sample.name;
            text.push_str(&format!("# TYPE {family} {kind}\n"));
            if family.ends_with("_seconds") {
                text.push_str(&format!("# UNIT {family} seconds\n"));
            }
        }
        let label = labels(sample);
        match sample.shown {
            Shown::Counter(number) | Shown::Gauge(number) => text.push_str(&format!("{}{label} {number}\n", sample.name)),
            Shown::Histogram(histogram) => {
                for (bound, count) in BOUNDS_SECONDS.iter().zip(histogram.cumulative()) {
                    text.push_str(&format!("{}_bucket{{le=\"{bound:?}\"}} {count}\n", sample.name));
                }
                let (count, sum) = (histogram.count(), histogram.sum().as_secs_f64());
                text.push_str(&format!("{0}_bucket{{le=\"+Inf\"}} {count}\n{0}_count {count}\n{0}_sum {sum}\n", sample.name));
            }
        }
    }
    text.push_str("# EOF\n");
    text
}

/// The series of these ends, in seconds since 1970.
pub(crate) fn certificate_ends(ends: &[(Ends, Timestamp)]) -> Vec<Sample<'static>> {
    let seconds = |at: Timestamp| u64::try_from(at.unix_ms() / 1_000).unwrap_or(0);
    let sample =
        |(kind, at): &(Ends, Timestamp)| Sample::labelled(CERTIFICATE_END, ("kind", kind.word()), Shown::Gauge(seconds(*at)));
    ends.iter().map(sample).collect()
}

/// The series of whether the clock is believed.
pub(crate) fn clock(alarm: Option<&str>) -> Sample<'static> {
    Sample { name: CLOCK_UNTRUSTED, labels: Vec::new(), shown: Shown::Gauge(u64::from(alarm.is_some())) }
}

/// The labels of a series, as they stand behind its name.
fn labels(sample: &Sample<'_>) -> String {
    let labels: Vec<String> = sample.labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use scalbotics_core::tenant::Name;
    use scalbotics_runtime::metrics::{Histogram, Metrics};

    use super::*;
    use crate::rpc::metrics::Counters;

    #[test]
    fn text() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(2));
        let sample = |name, label: Option<(&'static str, &'static str)>, shown| Sample {
            name,
            labels: label.into_iter().map(|(key, value)| (key, value.into())).collect(),
            shown,
        };
        let samples = [
            sample("a_total", Some(("kind", "x")), Shown::Counter(1)),
            sample("a_total", Some(("kind", "y")), Shown::Counter(2)),
            sample("b", None, Shown::Gauge(3)),
            sample("c_seconds", None, Shown::Histogram(&histogram)),
        ];
        let text = encode(&samples);
        let wanted = "# TYPE a counter\na_total{kind=\"x\"} 1\na_total{kind=\"y\"} 2\n# TYPE b gauge\nb 3\n# TYPE c_seconds histogram\n# UNIT c_seconds seconds\nc_seconds_bucket{le=\"0.0005\"} 0\n";
        assert!(text.starts_with(wanted), "{text}");
        assert!(text.ends_with("c_seconds_bucket{le=\"+Inf\"} 1\nc_seconds_count 1\nc_seconds_sum 0.002\n# EOF\n"), "{text}");
    }

    /// The names of the daemon's metrics: dashboards and alerts rest on them, so a change here is a change of an API.
    const NAMES: &[&str] = &[
        "scalbotics_approvals_total",
        "scalbotics_audit_checkpoints_outside_total",
        "scalbotics_audit_checkpoints_total",
        "scalbotics_audit_records_queued",
        "scalbotics_audit_records_refused_total",
        "scalbotics_background_panics_total",
        "scalbotics_call_attempts_total",
        "scalbotics_call_decision_duration_seconds",
        "scalbotics_call_decisions_total",
        "scalbotics_call_duration_seconds",
        "scalbotics_certificate_end_timestamp_seconds",
        "scalbotics_clock_untrusted",
        "scalbotics_commit_duration_seconds",
        "scalbotics_commits_refused_full_total",
        "scalbotics_connections",
        "scalbotics_connections_refused_total",
        "scalbotics_effects_in_doubt_total",
        "scalbotics_identity_events_total",
        "scalbotics_issuer_key_fetches_total",
        "scalbotics_join_tokens_refused_total",
        "scalbotics_join_tokens_total",
        "scalbotics_logins_refused_total",
        "scalbotics_logins_total",
        "scalbotics_model_answers_total",
        "scalbotics_model_cost_micros_total",
        "scalbotics_model_input_tokens_total",
        "scalbotics_model_misses_total",
        "scalbotics_model_output_tokens_total",
        "scalbotics_model_request_duration_seconds",
        "scalbotics_model_requests_total",
        "scalbotics_model_tokens_total",
        "scalbotics_reconciliations_total",
        "scalbotics_rpc_authenticated_total",
        "scalbotics_rpc_calls_total",
        "scalbotics_rpc_duration_seconds",
        "scalbotics_rpc_limited_total",
        "scalbotics_rpc_streams",
        "scalbotics_rpc_unauthenticated_total",
        "scalbotics_svids_total",
        "scalbotics_task_login_waits_total",
        "scalbotics_task_watchers",
        "scalbotics_tasks_ended_total",
        "scalbotics_tasks_queued",
        "scalbotics_tasks_running",
        "scalbotics_tasks_submitted_total",
        "scalbotics_workers",
        "scalbotics_workload_processes_total",
        "scalbotics_workload_svids_total",
    ];

    #[test]
    fn names_are_an_api() {
        let (runtime, rpc) = (Metrics::default(), Counters::default());
        runtime.by_model.missed(&Name::parse("small").unwrap());
        let ends = certificate_ends(&[(Ends::Root, Timestamp::from_unix_ms(1_500))]);
        assert_eq!(encode(&ends).lines().nth(2).unwrap(), "scalbotics_certificate_end_timestamp_seconds{kind=\"root\"} 1");
        let (runtime, rpc) = (runtime.samples(), rpc.samples());
        let names: BTreeSet<&str> =
            runtime.iter().chain(&rpc).chain(&ends).chain(&[clock(None)]).map(|sample| sample.name).collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), NAMES);
    }
}
