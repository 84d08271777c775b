//! Workflow (being written).
