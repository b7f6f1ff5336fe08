"""Makes optimizers.safetensors: what torch.optim, its schedules and clip_grad_norm_ give, for src/train's tests.

    python tests/golden/optimizers.py        # needs torch, NumPy and safetensors

    parameters, gradients            f32 [67], f32 [20, 67]: the start, and the gradients of each of 20 steps. 67 is no
                                     multiple of any vector register
    optimizers.NAME                  f32 [20, 67]: the parameters after each step, at a learning rate of 0.01
    schedules.NAME                   f64 [n]: the learning rate of each epoch, of OneCycleLR each step, from a base of 0.1
    momenta.NAME                     f64 [n]: the momentum that OneCycleLR sets
    clipped.NAME, norms.NAME         f32 [20, 67], f32 [20]: the gradients of each step after clipping, taken as those of
                                     tensors of 40, 20 and 7 numbers, and their norm before it

The default path of the CPU, one tensor at a time, but for the square root: torch takes that from MKL, whose last bit is off
now and then, and not on every CPU at the same numbers. Here it is rounded as IEEE 754 has it. With AVX2 and with AVX-512
(ATEN_CPU_CAPABILITY) the file comes out the same, byte for byte; without fused multiply-add it differs in the last bits. The
cosine of the schedules is the C library's.
"""

import platform
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.optim import SGD, Adam, AdamW, lr_scheduler

STEPS, SIZES = 20, [40, 20, 7]

# The root of a double has more than twice the digits of a float, so that rounding it once more changes nothing.
root = torch.Tensor.sqrt
torch.Tensor.sqrt = lambda self: root(self.double()).float()

torch.manual_seed(0)
parameters = torch.randn(sum(SIZES))
# Sizes from 1e-6 to 1, so that eps counts here and there.
gradients = torch.randn(STEPS, sum(SIZES)) * torch.logspace(-6, 0, sum(SIZES))

OPTIMIZERS = {
    "adam": lambda p: Adam(p, lr=0.01),
    "adam_options": lambda p: Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-4),
    "adam_weight_decay": lambda p: Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: AdamW(p, lr=0.01),
    "adamw_weight_decay": lambda p: AdamW(p, lr=0.01, weight_decay=0.1),
    "sgd": lambda p: SGD(p, lr=0.01),
    "sgd_weight_decay": lambda p: SGD(p, lr=0.01, weight_decay=0.1),
    "sgd_momentum": lambda p: SGD(p, lr=0.01, momentum=0.9),
    "sgd_dampening": lambda p: SGD(p, lr=0.01, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "sgd_nesterov": lambda p: SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1, nesterov=True),
}
ONE_CYCLE = dict(max_lr=0.1, total_steps=STEPS)
SCHEDULES = {  # and how many values
    "constant": (lambda o: lr_scheduler.ConstantLR(o, factor=1.0), 30),
    "step_lr": (lambda o: lr_scheduler.StepLR(o, step_size=3, gamma=0.3), 30),
    "cosine_annealing_lr": (lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=10), 30),
    "cosine_annealing_lr_eta_min": (lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=7, eta_min=0.02), 30),
    "cosine_annealing_lr_of_1": (lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=1), 5),
    "one_cycle_lr": (lambda o: lr_scheduler.OneCycleLR(o, **ONE_CYCLE), STEPS),
    "one_cycle_lr_linear": (lambda o: lr_scheduler.OneCycleLR(o, **ONE_CYCLE, anneal_strategy="linear"), STEPS),
    "one_cycle_lr_three_phase": (
        lambda o: lr_scheduler.OneCycleLR(o, **ONE_CYCLE, three_phase=True, pct_start=0.4),
        STEPS,
    ),
    "one_cycle_lr_options": (
        lambda o: lr_scheduler.OneCycleLR(
            o, max_lr=0.4, total_steps=33, pct_start=0.25, base_momentum=0.5, max_momentum=0.9, div_factor=10, final_div_factor=100
        ),
        33,
    ),
    "one_cycle_lr_no_rise": (lambda o: lr_scheduler.OneCycleLR(o, **ONE_CYCLE, pct_start=0.0), STEPS),
    "one_cycle_lr_of_1": (lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=1), 1),
}
# These take their momentum from the schedule: Adam as its first beta.
CYCLED = {
    "adam_one_cycle": lambda p: Adam(p),
    "adamw_one_cycle": lambda p: AdamW(p),
    "sgd_one_cycle": lambda p: SGD(p),
    "sgd_nesterov_one_cycle": lambda p: SGD(p, momentum=0.9, nesterov=True),
}


def steps(make, cycled=False):
    p = parameters.clone().requires_grad_()
    optimizer = make([p])
    schedule = lr_scheduler.OneCycleLR(optimizer, **ONE_CYCLE) if cycled else None
    after = []
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
        if schedule:
            schedule.step()
        after.append(p.detach().clone())
    return torch.stack(after)


def values(make, count):
    optimizer = SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    schedule = make(optimizer)
    group, rates = optimizer.param_groups[0], []
    for _ in range(count):
        rates.append((group["lr"], group["momentum"]))
        optimizer.step()
        schedule.step()
    return torch.tensor(rates, dtype=torch.float64).T.contiguous()


def clip(gradient, max_norm):
    pieces = [torch.zeros(size, requires_grad=True) for size in SIZES]
    for piece, part in zip(pieces, gradient.split(SIZES)):
        piece.grad = part.clone()
    norm = torch.nn.utils.clip_grad_norm_(pieces, max_norm)
    return torch.cat([piece.grad for piece in pieces]), norm


record = {"parameters": parameters, "gradients": gradients}
record |= {f"optimizers.{name}": steps(make) for name, make in OPTIMIZERS.items()}
record |= {f"optimizers.{name}": steps(make, cycled=True) for name, make in CYCLED.items()}
for name, (make, count) in SCHEDULES.items():
    rates, momenta = values(make, count)
    record[f"schedules.{name}"] = rates.clone()
    if name.startswith("one_cycle"):
        record[f"momenta.{name}"] = momenta.clone()
for name, max_norm in {"at_1": 1.0, "at_2": 2.0, "at_100": 100.0}.items():
    pairs = [clip(gradient, max_norm) for gradient in gradients]
    record[f"clipped.{name}"], record[f"norms.{name}"] = (torch.stack(tensors) for tensors in zip(*pairs))

path = Path(__file__).with_name("optimizers.safetensors")
save_file(record, path)
print(f"wrote {path.name}: {len(record)} tensors, {path.stat().st_size} bytes")
capability = torch.backends.cpu.get_cpu_capability()
print(f"Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}, {capability}, {platform.machine()}")
