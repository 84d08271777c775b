//! What documents show of commands: fenced blocks, and the comparison of what they promise with what was printed.

mod blocks;
#[cfg(test)]
mod book;
#[cfg(test)]
mod chains;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod git_service;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod marks;
#[cfg(test)]
mod paths;
mod pattern;
#[cfg(test)]
mod service;
#[cfg(test)]
mod stand_ins;

pub(crate) use blocks::{Block, blocks};
pub(crate) use pattern::{LEFT_OUT, first_difference};
