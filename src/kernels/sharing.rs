use super::pool::Pool;
use std::ops::Range;

/// Who computes a layer of one or several groups of images.
#[derive(Debug)]
pub(super) enum Sharing<'a> {
    /// The thread that has them.
    Alone,
    /// So many threads of the pool for each group.
    Among(&'a mut Pool, usize),
}

/// At most so many threads share the groups of a batch. They meet nine times in a step, and more take longer to wake than they save.
const MOST: usize = 16;

/// At most so many share one group: C3, the heaviest layer, has eight pairs of maps.
const MOST_OF_A_GROUP: usize = 8;

impl<'a> Sharing<'a> {
    /// For so many groups: none, where there are too few threads for two a group.
    pub fn of(pool: &'a mut Pool, groups: usize) -> Option<Sharing<'a>> {
        let threads = pool.threads().min(MOST).checked_div(groups)?.min(MOST_OF_A_GROUP);
        (threads > 1).then_some(Sharing::Among(pool, threads))
    }
}

impl Sharing<'_> {
    /// Which of a layer's `count` maps or numbers each thread of a group computes: whole tiles, as many as the others, or one more.
    pub fn ranges(
        &self,
        count: usize,
        tile: usize,
    ) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let tiles = count / tile;
        let threads = match self {
            Sharing::Alone => 1,
            Sharing::Among(_, threads) => tiles.min(*threads),
        };
        let border = move |thread| tiles * thread / threads * tile;
        (0..threads).map(move |thread| border(thread)..border(thread + 1))
    }

    /// Does these parts of a layer: all at once, where threads share it.
    pub fn each<P: FnOnce() + Send>(&mut self, parts: impl Iterator<Item = P>) {
        match self {
            Sharing::Alone => parts.for_each(|part| part()),
            Sharing::Among(pool, _) => {
                let mut parts: Vec<_> = parts.map(Some).collect();
                pool.each(&mut parts, |part| {
                    if let Some(part) = part.take() {
                        part();
                    }
                });
            }
        }
    }
}
