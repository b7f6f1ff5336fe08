use super::{
    convolution,
    correlation::{C1Gradient, C3Gradient},
    dense,
    dense::C5Backward,
    dense_gradient::{C5Gradient, Operands},
    ink::Ink,
    instruction_set::{InstructionSet, with_vector},
    layout::{C1, C3_PADDED, C5, PIXELS, S2, S4},
    panel::row_length,
    pool::Pool,
    tanh::{Tanh, tanh},
    transposed::TransposedC3,
    vector::{Kernel, Vector},
};
use std::hint::black_box;

/// A kernel by itself, on buffers of its own, for the benches.
pub struct Benchmark {
    /// Its layer, and `forward`, `backward` (of what went in) or `gradient` (of the weight).
    pub name: &'static str,
    /// Floating-point operations of a run: two for each multiplication and addition of the sums.
    pub operations: u64,
    /// How many tanh a run computes beside them.
    pub tanh: u64,
    run: Box<dyn FnMut()>,
}

impl Benchmark {
    fn new(name: &'static str, operations: usize, run: impl FnMut() + 'static) -> Benchmark {
        Benchmark { name, operations: operations as u64, tanh: 0, run: Box::new(run) }
    }

    fn with_tanh(self, tanh: usize) -> Benchmark {
        Benchmark { tanh: tanh as u64, ..self }
    }

    /// Runs it once, on one group of images; a dense gradient on a batch.
    pub fn run(&mut self) {
        (self.run)();
    }
}

/// The heavy kernels, and first of all `peak` and `tanh peak`: loops that do nothing but multiply and add, or take tanh, in
/// registers, which is what the others can be at best. The last is two threads of a pool that have nothing to do.
pub fn kernels(instruction_set: InstructionSet) -> Vec<Benchmark> {
    with_vector!(instruction_set, V => kernels_of::<V>())
}

fn kernels_of<V: Vector>() -> Vec<Benchmark> {
    let vectors = |length: usize| vec![V::splat(0.01); length];
    let numbers = |length: usize| vec![0.01f32; length];
    let multiply_adds = |count: usize| 2 * count * V::LANES;
    let (c1, c3, c5) = (6 * 25 * 784, 16 * 150 * 100, C5 * S4);
    let (w1, w3, w5, b) = (numbers(6 * 25), numbers(16 * 150), numbers(C5 * S4), numbers(C5));

    let mut all = vec![Benchmark::new("peak", multiply_adds(12 * PEAK_STEPS), || {
        black_box(V::vectorize(Peak(black_box(V::splat(0.5)))));
    })];
    let tanhs = 12 * PEAK_STEPS * V::LANES;
    let tanh_peak = Benchmark::new("tanh peak", 0, || {
        black_box(V::vectorize(TanhPeak(black_box(V::splat(0.5)))));
    });
    all.push(tanh_peak.with_tanh(tanhs));
    let (weight, bias, input, mut output) = (w1, b.clone(), vectors(PIXELS), vectors(C1));
    let kernel = Benchmark::new("C1 forward", multiply_adds(c1), move || {
        let (bias, output) = (&bias[..6], &mut output);
        V::vectorize(convolution::C1 {
            weight: &weight,
            bias,
            input: &input,
            ink: Ink::EVERYWHERE,
            output,
        });
    });
    all.push(kernel.with_tanh(C1 * V::LANES));
    let (weight, bias, input) = (w3.clone(), b.clone(), vectors(S2));
    let mut output = vectors(C3_PADDED);
    let kernel = Benchmark::new("C3 forward", multiply_adds(c3), move || {
        let (bias, output) = (&bias[..16], &mut output);
        V::vectorize(convolution::C3 {
            weight: &weight,
            bias,
            input: &input,
            ink: Ink::EVERYWHERE,
            output,
        });
    });
    all.push(kernel.with_tanh(16 * 100 * V::LANES));
    let (weight, bias, input, mut output) = (w5.clone(), b, vectors(S4), vectors(C5));
    all.push(Benchmark::new("C5 forward", multiply_adds(c5), move || {
        let output = &mut output;
        V::vectorize(dense::C5 { weight: &weight, bias: &bias, input: &input, output });
    }));
    let (output_gradient, mut input_gradient) = (vectors(C5), vectors(S4));
    all.push(Benchmark::new("C5 backward", multiply_adds(c5), move || {
        let (output_gradient, input_gradient) = (&output_gradient, &mut input_gradient);
        V::vectorize(C5Backward { weight: &w5, output_gradient, input_gradient });
    }));
    // A step makes it once for all images of the batch.
    let images = 32;
    let panel = vectors(images * row_length::<V>(S4));
    let (output_gradient, mut weight_gradient) = (numbers(C5 * images), numbers(C5 * S4));
    all.push(Benchmark::new("C5 gradient/b32", 2 * c5 * images, move || {
        let operands = Operands { panel: &panel, output_gradient: &output_gradient };
        let weight_gradient = &mut weight_gradient;
        V::vectorize(C5Gradient { operands, first: 0, weight_gradient });
    }));
    let (output_gradient, mut input_gradient) = (vectors(C3_PADDED), vectors(S2));
    all.push(Benchmark::new("C3 backward", multiply_adds(c3), move || {
        let (output_gradient, input_gradient) = (&output_gradient, &mut input_gradient);
        V::vectorize(TransposedC3 { weight: &w3, output_gradient, first: 0, input_gradient });
    }));
    let (input, output_gradient) = (vectors(S2), vectors(C3_PADDED));
    let mut weight_gradient = vectors(16 * 150);
    all.push(Benchmark::new("C3 gradient", multiply_adds(c3), move || {
        let (output_gradient, weight_gradient) = (&output_gradient, &mut weight_gradient);
        V::vectorize(C3Gradient {
            input: &input,
            ink: Ink::EVERYWHERE,
            output_gradient,
            weight_gradient,
        });
    }));
    let (input, output_gradient) = (vectors(PIXELS), vectors(C1));
    let mut weight_gradient = vectors(6 * 25);
    all.push(Benchmark::new("C1 gradient", multiply_adds(c1), move || {
        let (output_gradient, weight_gradient) = (&output_gradient, &mut weight_gradient);
        V::vectorize(C1Gradient {
            input: &input,
            ink: Ink::EVERYWHERE,
            output_gradient,
            weight_gradient,
        });
    }));
    let mut values = vectors(C1);
    let kernel = Benchmark::new("tanh", 0, move || V::vectorize(Tanh(&mut values)));
    all.push(kernel.with_tanh(C1 * V::LANES));
    let mut pool = Pool::new(2);
    all.push(Benchmark::new("two threads meet", 0, move || {
        pool.each(&mut [0, 0], |part| *part = black_box(1));
    }));
    all
}

const PEAK_STEPS: usize = 10_000;

/// Multiplies and adds in twelve registers.
struct Peak<V>(V);

impl<V: Vector> Kernel<V> for Peak<V> {
    type Output = [V; 12];

    #[inline(always)]
    fn run(self) -> [V; 12] {
        let mut sums = [self.0; 12];
        for _ in 0..PEAK_STEPS {
            for sum in &mut sums {
                *sum = sum.mul_add(self.0, self.0);
            }
        }
        sums
    }
}

/// Takes tanh of what is in twelve registers, so that none waits for the one before.
struct TanhPeak<V>(V);

impl<V: Vector> Kernel<V> for TanhPeak<V> {
    type Output = [V; 12];

    #[inline(always)]
    fn run(self) -> [V; 12] {
        let mut values = [self.0; 12];
        for _ in 0..PEAK_STEPS {
            for value in &mut values {
                *value = tanh(*value);
            }
        }
        values
    }
}
