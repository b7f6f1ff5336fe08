use super::{Alone, Communicator};
use crate::{Error, Result, kernels::part};
use serde_json::{Map, Value};
use std::ops::Range;

/// The ranks that a trainer works with, and how they share work.
#[derive(Debug)]
pub(super) struct Ranks(Box<dyn Communicator>);

impl Default for Ranks {
    fn default() -> Ranks {
        Ranks::new(Alone)
    }
}

impl Ranks {
    pub fn new(communicator: impl Communicator + 'static) -> Ranks {
        Ranks(Box::new(communicator))
    }

    pub fn communicator(&self) -> &dyn Communicator {
        &*self.0
    }

    /// Whether there is more than one.
    pub fn are_many(&self) -> bool {
        self.0.size() > 1
    }

    /// Which of so many images are this rank's.
    pub fn part(&self, images: usize) -> Range<usize> {
        part(images, self.0.rank(), self.0.size())
    }

    /// What all ranks have of so many images, in their order, where `length` says how many bytes a part has.
    pub fn gather(
        &self,
        own: &[u8],
        images: usize,
        length: impl Fn(usize) -> usize,
    ) -> Result<Vec<u8>> {
        let size = self.0.size();
        let lengths = (0..size).map(|rank| length(part(images, rank, size).len()));
        self.all_gather(own, &lengths.collect::<Vec<_>>())
    }

    /// What rank 0 gives. What others give is not looked at.
    pub fn of_first(&self, own: &[u8]) -> Result<Vec<u8>> {
        let own = if self.0.rank() == 0 { own } else { &[] };
        Ok(self.gather_any(own)?.swap_remove(0))
    }

    /// Refuses ranks that differ from the first in what they `have`.
    ///
    /// # Errors
    ///
    /// [`Error::Rank`], on all ranks, which names the first that differs.
    pub fn agree(&self, have: Value) -> Result<()> {
        let all = self.gather_any(have.to_string().as_bytes())?;
        let fields =
            |bytes: &[u8]| serde_json::from_slice::<Map<_, Value>>(bytes).unwrap_or_default();
        let Some(rank) = all.iter().position(|theirs| *theirs != all[0]) else { return Ok(()) };
        let (first, theirs) = (fields(&all[0]), fields(&all[rank]));
        let names = first.keys().chain(theirs.keys().filter(|name| !first.contains_key(*name)));
        let show = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
        let differences = names.map(|name| (name, theirs.get(name), first.get(name)));
        let differences = differences.filter(|(_, theirs, first)| theirs != first);
        let differences = differences.map(|(name, theirs, first)| {
            format!("{name}: {} there, {} on rank 0", show(theirs), show(first))
        });
        Err(Error::Rank { rank, reason: differences.collect::<Vec<_>>().join("; ") })
    }

    /// What each rank gives, of whatever length.
    fn gather_any(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        let length = (own.len() as u64).to_le_bytes();
        let lengths = self.all_gather(&length, &vec![length.len(); self.0.size()])?;
        let (lengths, _) = lengths.as_chunks();
        let lengths: Vec<_> =
            lengths.iter().map(|&length| u64::from_le_bytes(length) as usize).collect();
        let all = self.all_gather(own, &lengths)?;
        let mut rest = &all[..];
        let each = lengths.iter().map(|&length| {
            let (own, others) = rest.split_at(length);
            rest = others;
            own.to_vec()
        });
        Ok(each.collect())
    }

    /// [`Communicator::all_gather`], of which not every implementation is this crate's.
    fn all_gather(&self, own: &[u8], lengths: &[usize]) -> Result<Vec<u8>> {
        let all = self.0.all_gather(own, lengths)?;
        let total: usize = lengths.iter().sum();
        if all.len() == total {
            return Ok(all);
        }
        Err(Error::invalid("all_gather", format!("{total} bytes"), all.len().to_string()))
    }
}
