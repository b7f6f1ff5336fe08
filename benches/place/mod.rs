use lenet::{Engine, TrainConfig, train::device_named};
use std::env;

/// What is measured, and its name in the bench's: both engines on the CPU, or what `LENET_DEVICE` says: `cuda`, `cuda:1`.
pub fn configs() -> Vec<(String, TrainConfig)> {
    let name = env::var("LENET_DEVICE").unwrap_or_else(|_| "cpu".into());
    let device = device_named(&name).expect("LENET_DEVICE");
    let on = |engine| TrainConfig { engine, ..TrainConfig::pytorch_on(device) };
    match name.as_str() {
        "cpu" => {
            vec![("fused".into(), on(Engine::Fused)), ("libtorch".into(), on(Engine::Libtorch))]
        }
        _ => vec![(name, on(Engine::Libtorch))],
    }
}
