use crate::{Error, Result};
use std::fmt::Debug;

/// The processes that train one network together, the ranks, as one of them sees them: see
/// [`Trainer::with_communicator`](crate::Trainer::with_communicator). There are [`Alone`] and, with the feature `mpi`, `Mpi`.
///
/// All ranks call the same methods in the same order, with the same `lengths`.
pub trait Communicator: Debug + Send {
    /// This process's number: 0 to below [`size`](Communicator::size).
    fn rank(&self) -> usize;

    /// How many processes there are: 1 or more.
    fn size(&self) -> usize;

    /// The bytes that each rank gives, one rank's after another's, in the order of the ranks. This rank gives `own`; rank `r`
    /// gives `lengths[r]` bytes, which may be none.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] where a rank can't be reached, or gives another number of bytes.
    fn all_gather(&self, own: &[u8], lengths: &[usize]) -> Result<Vec<u8>>;

    /// The highest of the numbers that the ranks give, for a decision that all of them have to take alike.
    ///
    /// # Errors
    ///
    /// As [`all_gather`](Communicator::all_gather).
    fn highest(&self, own: u8) -> Result<u8> {
        let all = self.all_gather(&[own], &vec![1; self.size()])?;
        Ok(all.into_iter().fold(own, u8::max))
    }
}

/// One process: what a [`Trainer`](crate::Trainer) starts with.
///
/// ```
/// use lenet::train::{Alone, Communicator};
///
/// assert_eq!((Alone.rank(), Alone.size()), (0, 1));
/// assert_eq!(Alone.all_gather(b"all", &[3])?, b"all");
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Communicator for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, own: &[u8], lengths: &[usize]) -> Result<Vec<u8>> {
        match lengths {
            [length] if *length == own.len() => Ok(own.to_vec()),
            _ => Err(Error::invalid("lengths", format!("[{}]", own.len()), format!("{lengths:?}"))),
        }
    }
}
