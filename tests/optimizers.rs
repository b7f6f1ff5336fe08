//! The trainer with optimizers, schedules and clipping. That their numbers are PyTorch's, the tests beside them show.

use lenet::{
    Adam, AdamW, Dataset, Error, Mnist, OneCycleLr, Optimizer, Schedule, Sgd, TrainConfig, Trainer,
    train::Device,
};

fn data() -> Dataset {
    Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap().train.first(64)
}

/// Plain gradient descent.
fn config() -> TrainConfig {
    let optimizer = Optimizer::Sgd(Sgd::default());
    TrainConfig {
        device: Device::Cpu,
        threads: Some(1), // the tests run side by side
        learning_rate: 0.1,
        optimizer,
        ..TrainConfig::pytorch()
    }
}

fn weights(trainer: &Trainer) -> Vec<f32> {
    trainer.state_dict().iter().flat_map(|(_, array)| array.values().to_vec()).collect()
}

/// The gradient of the mean cross-entropy over `data`, by libtorch's own `backward`.
#[cfg(feature = "torch")]
fn gradient(data: &Dataset) -> Vec<f32> {
    use lenet::tch::Tensor;
    lenet::tch::set_num_threads(1);
    let trainer = Trainer::new(config()).unwrap();
    let logits = data.images().apply(trainer.model());
    let loss = logits.cross_entropy_for_logits(&data.labels());
    let variables = trainer.var_store().trainable_variables();
    let gradients = Tensor::run_backward(&[loss], &variables, false, false);
    let flat: Vec<_> = gradients.iter().map(|it| it.reshape([-1])).collect();
    Vec::try_from(Tensor::cat(&flat, 0)).unwrap()
}

/// The gradient of the mean cross-entropy over `data`: a step of plain gradient descent so long that the weights before it do
/// not count. That it is PyTorch's, the test `parity` shows.
#[cfg(not(feature = "torch"))]
fn gradient(data: &Dataset) -> Vec<f32> {
    let rate = 2f32.powi(40);
    let mut trainer =
        Trainer::new(TrainConfig { learning_rate: rate.into(), batch_size: 64, ..config() })
            .unwrap();
    trainer.train_epoch(data).unwrap();
    weights(&trainer).iter().map(|weight| weight / -rate).collect()
}

/// How far one step on all of `data` takes the weights.
fn one_step(config: TrainConfig, data: &Dataset) -> Vec<f32> {
    let mut trainer = Trainer::new(TrainConfig { batch_size: data.len(), ..config }).unwrap();
    let before = weights(&trainer);
    trainer.train_epoch(data).unwrap();
    weights(&trainer).iter().zip(before).map(|(after, before)| after - before).collect()
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// Weights are up to 3 or so, and the difference of two of them is good to a bit of theirs: 2.4e-7.
fn assert_close(got: &[f32], expected: impl Iterator<Item = f32> + Clone) {
    let off = |factor: f32| {
        let pairs = got.iter().zip(expected.clone());
        let off = pairs.map(|(got, expected)| (got - expected * factor).abs());
        off.max_by(f32::total_cmp).unwrap() // NaN is the most
    };
    assert!(off(1.0) < 1e-6, "off by {}", off(1.0));
    assert!(off(1.001) > 1e-6, "0.1 % is not seen: {}", off(1.001));
}

#[test]
fn the_post_trains_with_adam_at_a_constant_rate_and_does_not_clip() {
    for config in [TrainConfig::pytorch(), TrainConfig::paddle()] {
        assert_eq!(config.optimizer, Optimizer::Adam(Adam::default()));
        assert_eq!((config.schedule, config.clip_norm), (Schedule::Constant, None));
    }
    let defaults = Adam { betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 };
    assert_eq!(Adam::default(), defaults);
}

#[test]
fn the_trainer_steps_with_the_optimizer_of_its_config() {
    let data = data();
    let gradient = gradient(&data);
    assert_close(&one_step(config(), &data), gradient.iter().map(|g| g * -0.1));
    // Adam's first step is the learning rate in the direction of each sign; its eps shows where the gradient is tiny.
    let optimizer = Optimizer::Adam(Adam { eps: 0.0, ..Adam::default() });
    let step = one_step(TrainConfig { optimizer, ..config() }, &data);
    assert_close(&step, gradient.iter().map(|g| g.signum() * -0.1));
}

#[test]
fn gradients_are_clipped_to_their_norm() {
    let data = data();
    let (free, gradient) = (one_step(config(), &data), gradient(&data));
    let length = norm(&gradient);
    assert!(length > 0.1, "{length}");
    let clipped = |max_norm| one_step(TrainConfig { clip_norm: Some(max_norm), ..config() }, &data);
    assert_close(&clipped(length / 2.0), gradient.iter().map(|g| g * -0.05));
    assert_eq!(clipped(length * 2.0), free);
}

#[test]
fn an_epoch_s_stats_have_its_learning_rate() {
    let data = data();
    let rates = |schedule, epochs| {
        let mut trainer = Trainer::new(TrainConfig { schedule, ..config() }).unwrap();
        let stats = (0..epochs).map(|_| trainer.train_epoch(&data).unwrap().learning_rate);
        stats.collect::<Vec<_>>()
    };
    assert_eq!(rates(Schedule::Constant, 3), [0.1, 0.1, 0.1]);
    let halves = Schedule::StepLr { step_size: 2, gamma: 0.5 };
    assert_eq!(rates(halves, 5), [0.1, 0.1, 0.05, 0.05, 0.025]);
    let cosine = rates(Schedule::CosineAnnealingLr { t_max: 2, eta_min: 0.0 }, 3);
    assert!(cosine[0] == 0.1 && (cosine[1] - 0.05).abs() < 1e-15 && cosine[2] == 0.0, "{cosine:?}");
}

/// 64 images in batches of 32 are two steps an epoch, 32 are one.
#[test]
fn one_cycle_goes_by_steps_and_is_over_at_its_end() {
    let data = data();
    let schedule = Schedule::OneCycleLr(OneCycleLr::new(0.1, 5));
    let mut trainer = Trainer::new(TrainConfig { schedule, ..config() }).unwrap();
    let first = trainer.train_epoch(&data.first(32)).unwrap().learning_rate;
    assert!((first - 0.1 / 25.0).abs() < 1e-15, "{first}");
    trainer.train_epoch(&data).unwrap();
    let last = trainer.train_epoch(&data).unwrap().learning_rate;
    assert!((last - 0.1 / 25.0 / 1e4).abs() < 1e-15, "{last}");

    let before = weights(&trainer);
    let error = trainer.train_epoch(&data).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "total_steps", .. }), "{error}");
    assert_eq!((weights(&trainer), trainer.epochs()), (before, 3));
}

#[cfg(feature = "torch")]
#[test]
fn a_batch_of_one_s_own_is_a_step_of_one_cycle() {
    let data = data();
    let schedule = Schedule::OneCycleLr(OneCycleLr::new(0.1, 5));
    let mut trainer = Trainer::new(TrainConfig { schedule, ..config() }).unwrap();
    let mut step = || trainer.train_batch(&data.images(), &data.labels());
    let rates = [(); 5].map(|()| step().unwrap().learning_rate);
    assert!((rates[0] - 0.1 / 25.0).abs() < 1e-15, "{rates:?}");
    assert!((rates[4] - 0.1 / 25.0 / 1e4).abs() < 1e-15, "{rates:?}");
    let error = step().unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "total_steps", .. }), "{error}");
    let before = weights(&trainer);
    trainer.train_batch(&data.images(), &data.labels()).unwrap_err();
    assert_eq!((weights(&trainer), trainer.epochs(), trainer.steps()), (before, 0, 5));
}

#[test]
fn every_optimizer_learns() {
    let data = data();
    let (adam, adamw) = (Optimizer::Adam(Adam::default()), Optimizer::AdamW(AdamW::default()));
    let sgd = Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, ..Sgd::default() });
    for (optimizer, learning_rate) in [(adam, 1e-3), (adamw, 1e-3), (sgd, 0.02)] {
        let clip_norm = Some(1.0);
        let config = TrainConfig { optimizer, learning_rate, clip_norm, ..config() };
        let mut trainer = Trainer::new(config).unwrap();
        let before = trainer.evaluate(&data).unwrap().loss;
        for _ in 0..50 {
            trainer.train_epoch(&data).unwrap();
        }
        let after = trainer.evaluate(&data).unwrap().loss;
        assert!(after < 0.6 * before, "{optimizer:?}: {before} to {after}");
    }
}

/// What `torch.optim` refuses with a ValueError, and numbers that are none.
#[test]
fn impossible_values_are_refused() {
    let (adam, adamw, sgd) = (Adam::default(), AdamW::default(), Sgd::default());
    let refused = |config, expected: &str| {
        let error = Trainer::new(config).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    let (low, high) = (-0.1, 1.0);
    for (expected, optimizer) in [
        ("betas", Optimizer::Adam(Adam { betas: (high, 0.999), ..adam })),
        ("betas", Optimizer::Adam(Adam { betas: (0.9, low), ..adam })),
        ("betas", Optimizer::AdamW(AdamW { betas: (0.9, f64::NAN), ..adamw })),
        ("eps", Optimizer::Adam(Adam { eps: low, ..adam })),
        ("eps", Optimizer::AdamW(AdamW { eps: f64::INFINITY, ..adamw })),
        ("weight_decay", Optimizer::Adam(Adam { weight_decay: low, ..adam })),
        ("weight_decay", Optimizer::AdamW(AdamW { weight_decay: low, ..adamw })),
        ("weight_decay", Optimizer::Sgd(Sgd { weight_decay: low, ..sgd })),
        ("momentum", Optimizer::Sgd(Sgd { momentum: low, ..sgd })),
        ("dampening", Optimizer::Sgd(Sgd { dampening: f64::NAN, ..sgd })),
        ("nesterov", Optimizer::Sgd(Sgd { nesterov: true, ..sgd })),
        ("nesterov", Optimizer::Sgd(Sgd { nesterov: true, momentum: 0.9, dampening: 0.1, ..sgd })),
    ] {
        refused(TrainConfig { optimizer, ..config() }, expected);
    }
    for max_norm in [0.0, low, f64::NAN] {
        refused(TrainConfig { clip_norm: Some(max_norm), ..config() }, "clip_norm");
    }
    let schedule = Schedule::StepLr { step_size: 0, gamma: 0.1 };
    refused(TrainConfig { schedule, ..config() }, "step_size");
}
