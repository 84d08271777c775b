//! The policies that a new installation starts with: files of the tenant's repository, its owner's from then on.

/// Path in the repository and text of each file, in order of path.
#[must_use]
pub const fn defaults() -> &'static [(&'static str, &'static str)] {
    &[
        ("policies/admins.cedar", include_str!("defaults/admins.cedar")),
        ("policies/agents.cedar", include_str!("defaults/agents.cedar")),
        ("policies/approvers.cedar", include_str!("defaults/approvers.cedar")),
        ("policies/auditors.cedar", include_str!("defaults/auditors.cedar")),
        ("policies/everyone.cedar", include_str!("defaults/everyone.cedar")),
        ("policies/guardrails.cedar", include_str!("defaults/guardrails.cedar")),
        ("policies/operators.cedar", include_str!("defaults/operators.cedar")),
    ]
}

#[cfg(test)]
mod tests;
