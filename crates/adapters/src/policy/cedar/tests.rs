mod bundles;
mod facts;
mod questions;
mod slices;
mod vocabulary;
