//! Desired (being written).
