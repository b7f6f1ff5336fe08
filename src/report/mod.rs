//! What is written about a run as it goes: figures for programs, pictures and a page for people.

pub(crate) mod canvas;
mod confusion;
pub(crate) mod contact_sheet;
pub(crate) mod curves;
mod events;
mod explanation;
mod filters;
mod metrics;
mod page;
pub(crate) mod palette;
mod record;
#[allow(clippy::module_inception)] // the noun is the folder's
mod report;

pub use explanation::Explanation;
pub use record::EpochRecord;
pub use report::Report;
