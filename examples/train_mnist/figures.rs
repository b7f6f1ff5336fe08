use lenet::EpochStats;

/// What the bar shows of an epoch so far: nothing before a GPU's figures are read for the first time, and the bar moves all the same.
pub fn figures(stats: Option<EpochStats>) -> Vec<String> {
    stats.map_or(vec![], |stats| {
        vec![format!("loss {:.4}", stats.loss), format!("acc {:.4}", stats.accuracy)]
    })
}
