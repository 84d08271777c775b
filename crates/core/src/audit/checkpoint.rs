//! Signed checkpoints of an audit log (C2SP tlog-checkpoint).
