//! The GPU beside the CPU. Each test runs where libtorch finds a CUDA device, and otherwise prints a line. Never run yet: see
//! docs/gpu.md, which asks for your figures.

#![cfg(feature = "torch")]

use lenet::{
    Engine, Mnist, TrainConfig, Trainer,
    tch::{Cuda, Device, Kind, Reduction, Tensor, nn::Module},
    train::{auto_device, device_named},
};
use std::{
    ops::ControlFlow::{Break, Continue},
    sync::{Mutex, MutexGuard, PoisonError},
};

fn mnist() -> Mnist {
    Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap()
}

/// The devices to test, `cuda:0`, and `cuda:1` where there is one; and a guard, since TF32 is a setting of the whole process.
fn devices() -> (MutexGuard<'static, ()>, Vec<Device>) {
    static ONE_TEST: Mutex<()> = Mutex::new(());
    let alone = ONE_TEST.lock().unwrap_or_else(PoisonError::into_inner);
    if !Cuda::is_available() {
        println!("no CUDA device: nothing was tested");
    }
    let devices = (0..Cuda::device_count().min(2)).map(|index| Device::Cuda(index as usize));
    (alone, devices.collect())
}

/// libtorch's engine on both, since the fused one sums in its own order.
fn config(device: Device, allow_tf32: bool) -> TrainConfig {
    let engine = Engine::Libtorch;
    TrainConfig { engine, allow_tf32, deterministic: true, ..TrainConfig::pytorch_on(device) }
}

/// The loss and the gradient of each variable, for the first 64 images.
fn loss_and_gradients(trainer: &Trainer) -> Vec<Tensor> {
    let data = mnist().train.first(64);
    trainer.evaluate(&data.first(1)).unwrap(); // which sets TF32 as the config says
    let device = trainer.config().device;
    let (images, labels) = (data.images().to_device(device), data.labels().to_device(device));
    let logits = trainer.model().forward(&images);
    let loss = logits.cross_entropy_loss(&labels, None::<Tensor>, Reduction::Mean, -100, 0.0);
    let variables = trainer.var_store().trainable_variables();
    let mut all = Tensor::run_backward(&[&loss], &variables, false, false);
    all.push(loss.detach());
    all.into_iter().map(|tensor| tensor.to_device(Device::Cpu).to_kind(Kind::Double)).collect()
}

/// The largest difference, relative to the largest entry of its tensor.
fn off(ours: &[Tensor], theirs: &[Tensor]) -> f64 {
    let relative = |(ours, theirs): (&Tensor, &Tensor)| {
        let scale = theirs.abs().max().double_value(&[]).max(1e-3); // as in tests/parity
        (ours - theirs).abs().max().double_value(&[]) / scale
    };
    ours.iter().zip(theirs).map(relative).fold(0.0, f64::max)
}

fn weights(trainer: &Trainer) -> Vec<f32> {
    trainer.state_dict().iter().flat_map(|(_, array)| array.values().to_vec()).collect()
}

/// Rounding of 2^-24 in sums of a few hundred terms without TF32, and of 2^-11 with it.
#[test]
fn loss_and_gradients_are_a_cpu_s() {
    let (_alone, devices) = devices();
    for device in devices {
        for (allow_tf32, allowed) in [(false, 1e-4), (true, 1e-2)] {
            let [cpu, gpu] = [Device::Cpu, device].map(|device| {
                loss_and_gradients(&Trainer::new(config(device, allow_tf32)).unwrap())
            });
            let worst = off(&gpu, &cpu);
            println!("{device:?}, allow_tf32 {allow_tf32}: off by {worst:.1e}");
            assert!(worst < allowed, "{device:?}, allow_tf32 {allow_tf32}: off by {worst:.1e}");
        }
        // A bias that is off by 1e-3 is seen.
        let [cpu, gpu] = [Device::Cpu, device].map(|device| {
            let trainer = Trainer::new(config(device, false)).unwrap();
            if device != Device::Cpu {
                let _no_grad = lenet::tch::no_grad_guard();
                let _ = trainer.var_store().trainable_variables()[1].g_add_scalar_(1e-3);
            }
            loss_and_gradients(&trainer)
        });
        assert!(off(&gpu, &cpu) > 1e-4);
    }
}

#[test]
fn a_hundred_steps_and_the_evaluation_are_a_cpu_s() {
    let mnist = mnist();
    let (train, test) = (mnist.train.first(3_200), mnist.test.first(1_203));
    let (_alone, devices) = devices();
    for device in devices {
        let run = |device| {
            let mut trainer = Trainer::new(config(device, false)).unwrap();
            let mut figures = vec![];
            let trained = trainer.train_epoch_with(&train, |_, at| {
                figures.push((at.samples, at.stats.map_or(0, |stats| stats.samples)));
                Ok(Continue::<()>(()))
            });
            let Continue(stats) = trained.unwrap() else { unreachable!() };
            (stats, trainer.evaluate(&test).unwrap(), weights(&trainer), figures)
        };
        let (cpu, gpu) = (run(Device::Cpu), run(device));
        println!("{device:?}: loss {} and {} on the CPU", gpu.0.loss, cpu.0.loss);
        assert_eq!((gpu.0.samples, gpu.1.samples), (3_200, 1_203));
        assert!((gpu.0.loss - cpu.0.loss).abs() < 1e-3 * cpu.0.loss);
        assert!((gpu.1.loss - cpu.1.loss).abs() < 1e-2 * cpu.1.loss);
        assert!((gpu.1.accuracy - cpu.1.accuracy).abs() < 0.01);
        assert_eq!(gpu.3.last(), Some(&(3_200, 3_200)));
        // In a fixed order: the same bits again.
        assert_eq!(run(device).2, gpu.2, "{device:?} does not repeat itself");
    }
}

#[test]
fn checkpoints_go_from_the_cpu_to_cuda_and_back() {
    let train = mnist().train.first(640);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.safetensors");
    let (_alone, devices) = devices();
    for device in devices {
        let mut trainer = Trainer::new(config(Device::Cpu, false)).unwrap();
        for place in [device, Device::Cpu, device] {
            let half = trainer.train_epoch_with(&train, |_, at| {
                Ok(if at.samples < 320 { Continue(()) } else { Break(()) })
            });
            assert_eq!(half.unwrap(), Break(()));
            trainer.save_checkpoint(&path).unwrap();
            let mut resumed = Trainer::resume_with(config(place, false), &path).unwrap();
            assert_eq!(weights(&resumed), weights(&trainer));
            assert_eq!((resumed.samples(), resumed.steps()), (320, trainer.steps()));
            assert!(resumed.changes()[0].contains("device: "), "{:?}", resumed.changes());
            let [there, here] =
                [&mut trainer, &mut resumed].map(|it| it.train_epoch(&train).unwrap());
            assert!((there.loss - here.loss).abs() < 1e-3 * there.loss, "{there:?} {here:?}");
            trainer = resumed;
        }
    }
}

#[cfg(feature = "report")]
#[test]
fn a_report_on_a_run_on_a_gpu_is_written() {
    use lenet::{EpochRecord, Report};
    let mnist = mnist();
    let (train, test) = (mnist.train.first(640), mnist.test.first(100));
    let (_alone, devices) = devices();
    for device in devices {
        let dir = tempfile::tempdir().unwrap();
        let mut trainer = Trainer::new(config(device, true)).unwrap();
        let stats = trainer.train_epoch(&train).unwrap();
        let record = EpochRecord::new(1, stats, trainer.evaluate(&test).unwrap(), 1.0);
        let mut report = Report::create(dir.path()).unwrap();
        report.record(&record, &trainer.state_dict(), &test).unwrap();
        assert!(dir.path().join("report.html").exists());
    }
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    let (_alone, devices) = devices();
    for _ in devices {
        assert_eq!(auto_device().0, Device::Cuda(0));
        let device = device_named("cuda:99").unwrap();
        let error = Trainer::new(TrainConfig::pytorch_on(device)).unwrap_err().to_string();
        assert!(error.contains("cuda:99") && error.contains("libtorch finds"), "{error}");
    }
}

/// A batch that no GPU has room for is an error, not a panic, and the trainer is as it was.
#[test]
fn memory_that_runs_out_is_an_error() {
    let (_alone, devices) = devices();
    for device in devices {
        let mut trainer = Trainer::new(config(device, true)).unwrap();
        let before = weights(&trainer);
        // One image, seen as many: C1's maps alone would take 750 GB.
        let n = 40_000_000;
        let images =
            Tensor::zeros([1, 1, 32, 32], (Kind::Float, device)).expand([n, 1, 32, 32], false);
        let labels = Tensor::zeros([n], (Kind::Int64, Device::Cpu));
        let error = trainer.train_batch(&images, &labels).unwrap_err().to_string();
        assert!(error.starts_with("libtorch: ") && !error.contains('\n'), "{error}");
        assert_eq!(weights(&trainer), before);
        let batch = mnist().train.first(32);
        trainer.train_batch(&batch.images(), &batch.labels()).unwrap();
    }
}

/// Labels on the GPU are looked at there: one that is no digit is an error, and all goes on after it.
#[test]
fn labels_that_are_no_digits_are_refused() {
    let batch = mnist().train.first(32);
    let (_alone, devices) = devices();
    for device in devices {
        let mut trainer = Trainer::new(config(device, true)).unwrap();
        let before = weights(&trainer);
        let (images, labels) = (batch.images().to_device(device), batch.labels().to_device(device));
        for shift in [10, -10] {
            let error = trainer.train_batch(&images, &(&labels + shift)).unwrap_err().to_string();
            assert!(error.starts_with("labels: expected digits 0 to 9, got "), "{error}");
            assert_eq!((weights(&trainer), trainer.steps()), (before.clone(), 0));
        }
        trainer.train_batch(&images, &labels).unwrap();
    }
}
