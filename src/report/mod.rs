//! What is written about a run as it goes: figures for programs, pictures and a page for people.

mod canvas;
mod codes;
mod confusion;
mod curves;
mod events;
mod explanation;
mod filters;
mod held_out;
mod lenet_1998;
mod metrics;
mod page;
mod palette;
mod record;
#[allow(clippy::module_inception)] // the noun is the folder's
mod report;
mod sheet;

pub use explanation::Explanation;
pub use held_out::HeldOut;
pub use lenet_1998::LeNet1998Pictures;
pub use record::EpochRecord;
pub use report::Report;
