//! Plan, do, keep, judge: the product behind the `tripos` command.
//!
//! The modules stand in the order in which data meets them, and a module uses only those before it:
//! a [`plan`] lists trials, the [`engine`] asks and grades them, the [`store`] keeps what happened,
//! [`stats`] says what it means, and a [`report`] shows it. The blank lines keep the order.

pub mod config;
pub mod key;

pub mod plan;

pub mod store;

pub mod engine;

pub mod stats;

pub mod report;

pub mod gate;

pub mod bundle;

pub mod failure;

pub mod cli;
