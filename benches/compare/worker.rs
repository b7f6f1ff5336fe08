//! Runs what benches/compare/compare.py asks for, as worker.py does in Python: a JSON object a line on stdin, the answer on
//! stdout. `cargo bench` leaves it alone.
//!
//!     cargo bench --bench compare_worker -- THREADS < REQUESTS

use lenet::{
    Dataset, Engine, LeNet, Mnist, TrainConfig, Trainer,
    kernels::{Images, InstructionSet, Network, PARAMETERS, Packed, kernels},
    tch::{self, Device, Tensor, nn, nn::Module, no_grad_guard},
};
use serde::Deserialize;
use std::{
    env, fs, io,
    ops::ControlFlow::{Break, Continue},
    thread,
    time::{Duration, Instant},
};

#[derive(Deserialize)]
struct Request {
    /// `fused` or `libtorch`.
    contestant: String,
    /// `train`, `forward`, `epoch` or `limit`.
    task: String,
    batch: usize,
    seconds: f64,
}

/// What is not counted, at first.
const WARM_UP: Duration = Duration::from_millis(300);

fn main() {
    let threads: usize =
        env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(2);
    tch::set_num_threads(threads as i32);
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    for line in io::stdin().lines() {
        let request: Request = serde_json::from_str(&line.expect("a line")).expect("a request");
        let duration = Duration::from_secs_f64(request.seconds);
        let engine = match request.contestant.as_str() {
            "fused" => Engine::Fused,
            "libtorch" => Engine::Libtorch,
            other => panic!("no contestant {other:?}"),
        };
        let images_per_second = match request.task.as_str() {
            "train" => train(engine, &mnist.train, request.batch, duration),
            "forward" => forward(engine, &mnist.train.first(2048), request.batch, duration),
            "epoch" => epoch(engine, &mnist, request.batch),
            "limit" => {
                let [peak, tanh] = ["peak", "tanh peak"].map(|name| limit(name, threads, duration));
                println!("{{\"gflops\": {}, \"tanh_per_second\": {tanh}}}", peak / 1e9);
                continue;
            }
            other => panic!("no task {other:?}"),
        };
        println!(
            "{{\"images_per_second\": {images_per_second}, \"peak_mb\": {}, \"version\": \"lenet {}\"}}",
            peak_mb(),
            env!("CARGO_PKG_VERSION"),
        );
    }
}

fn trainer(engine: Engine, batch_size: usize) -> Trainer {
    let config = TrainConfig { batch_size, engine, device: Device::Cpu, ..TrainConfig::pytorch() };
    Trainer::new(config).expect("a good config")
}

/// The trainer's own loop, shuffle and all, for as long as asked.
fn train(engine: Engine, data: &Dataset, batch_size: usize, duration: Duration) -> f64 {
    let mut trainer = trainer(engine, batch_size);
    let begin = Instant::now();
    let mut counted = None;
    let mut images = 0;
    loop {
        let result = trainer.train_epoch_with(data, |_, at| {
            let now = Instant::now();
            let &mut (start, before) = match &mut counted {
                Some(counted) => counted,
                None if now - begin < WARM_UP => return Ok(Continue(())),
                None => counted.insert((now, images + at.samples)),
            };
            match now - start < duration {
                true => Ok(Continue(())),
                false => {
                    Ok(Break((images + at.samples - before) as f64 / (now - start).as_secs_f64()))
                }
            }
        });
        match result.expect("an epoch") {
            Break(rate) => return rate,
            Continue(stats) => images += stats.samples,
        }
    }
}

/// Images a second of `step`, which takes the batches in turn.
fn timed(
    batches: usize,
    batch_size: usize,
    duration: Duration,
    mut step: impl FnMut(usize),
) -> f64 {
    let begin = Instant::now();
    let mut steps = 0;
    while begin.elapsed() < WARM_UP {
        step(steps % batches);
        steps += 1;
    }
    let (start, before) = (Instant::now(), steps);
    loop {
        let passed = start.elapsed();
        if passed >= duration {
            return ((steps - before) * batch_size) as f64 / passed.as_secs_f64();
        }
        step(steps % batches);
        steps += 1;
    }
}

fn forward(engine: Engine, data: &Dataset, batch_size: usize, duration: Duration) -> f64 {
    let _no_grad = no_grad_guard();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = LeNet::new(&vs.root());
    let images = data.images().split(batch_size as i64, 0);
    let batches = data.len() / batch_size;
    if engine == Engine::Libtorch {
        return timed(batches, batch_size, duration, |batch| {
            let _ = net.forward(&images[batch]);
        });
    }
    let variables: Vec<_> = vs.trainable_variables().iter().map(|it| it.reshape([-1])).collect();
    let parameters = floats(&Tensor::cat(&variables, 0));
    let parameters: &[f32; PARAMETERS] = parameters.as_array().expect("all parameters");
    let images: Vec<_> = images.iter().map(floats).collect();
    if batch_size == 1 {
        let packed = Packed::new(parameters);
        return timed(batches, 1, duration, |batch| {
            packed.logits(images[batch].as_array().expect("an image"));
        });
    }
    let mut network = Network::new(tch::get_num_threads() as usize);
    timed(batches, batch_size, duration, |batch| {
        network.logits(parameters, Images::new(images[batch].as_chunks().0));
    })
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).expect("floats")
}

/// Training images a second over an epoch, test set included.
fn epoch(engine: Engine, mnist: &Mnist, batch_size: usize) -> f64 {
    let mut trainer = trainer(engine, batch_size);
    let start = Instant::now();
    trainer.train_epoch(&mnist.train).expect("an epoch");
    trainer.evaluate(&mnist.test).expect("an evaluation");
    mnist.train.len() as f64 / start.elapsed().as_secs_f64()
}

/// Operations a second of a loop in registers, on all threads at once.
fn limit(name: &str, threads: usize, duration: Duration) -> f64 {
    let one = || {
        let mut all = kernels(InstructionSet::best());
        let peak = all.iter_mut().find(|kernel| kernel.name == name).expect("the loop");
        let (start, mut operations) = (Instant::now(), 0);
        while start.elapsed() < duration {
            peak.run();
            operations += peak.operations + peak.tanh;
        }
        operations as f64 / start.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a number")).sum()
    })
}

/// The most memory that the process had, in MB.
fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1024.0
}
