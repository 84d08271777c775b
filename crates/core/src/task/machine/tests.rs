//! Every rule of the machine by its number in the semantics, and what no sequence of commands may break.

mod approvals;
mod attempts;
mod endings;
mod fixture;
mod logins;
mod properties;
mod put_back;
