fn main() -> anyhow::Result<()> {
    use lenet::*;
    let mnist = Mnist::find()?;
    println!("{}", summary([1, 32, 32]));
    let mut t = Trainer::new(TrainConfig::pytorch())?;
    for e in 1..=10 {
        let s = std::time::Instant::now();
        let a = t.train_epoch(&mnist.train)?;
        let b = s.elapsed();
        let ev = t.evaluate(&mnist.test)?;
        println!("{e} {:?} {b:?} {:?} {:?} {}", a, ev.loss, s.elapsed(), ev.accuracy);
    }
    Ok(())
}
