"""Part of scripts/parity: the step of src/torch/, operator by operator, in PyTorch's FakeTensor mode, on `cuda:1` of a machine
that needs no GPU. A fake tensor has a shape, a type and a device, and no numbers; operators refuse those of two devices.

    python devices.py
"""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

aten = torch.ops.aten
DEVICE = torch.device("cuda:1")
BATCH, BLOCK, SET = 32, 4096, 60_000
WEIGHTS = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 16, 5, 5), (84, 120), (10, 84)]
SHAPES = [shape for weight in WEIGHTS for shape in (weight, weight[:1])]


def forward(variables, images):
    """The input and the output of each layer, after its tanh, and before it where S2 and S4 average."""
    c1, c1b, s2, s2b, c3, c3b, s4, s4b, c5, c5b, f6, f6b, out, outb = variables
    linear, pool = torch.nn.functional.linear, torch.nn.functional.avg_pool2d
    down = lambda means, weight, bias: (means * weight.view(-1, 1, 1) + bias.view(-1, 1, 1)).tanh()
    y1 = torch.conv2d(images, c1, c1b).tanh()
    m2 = pool(y1, 2, 2)
    y2 = down(m2, s2, s2b)
    y3 = torch.conv2d(y2, c3, c3b).tanh()
    m4 = pool(y3, 2, 2)
    y4 = down(m4, s4, s4b)
    y5 = linear(y4.flatten(1), c5.flatten(1), c5b).tanh()
    y6 = linear(y5, f6, f6b).tanh()
    return images, y1, m2, y2, y3, m4, y4, y5, y6, linear(y6, out, outb)


def loss_and_gradients(variables, images, answers):
    """By the operators that autograd calls: its engine runs nothing on a GPU that is not there."""
    c1, _, s2, _, c3, _, s4, _, c5, _, f6, _, out, _ = variables
    x, y1, m2, y2, y3, m4, y4, y5, y6, logits = forward(variables, images)
    logs = aten._log_softmax(logits, 1, False)
    loss, weight = aten.nll_loss_forward(logs, answers, None, 1, -100)
    g = aten.nll_loss_backward(torch.ones_like(loss), logs, answers, None, 1, -100, weight)
    g = aten._log_softmax_backward_data(g, logs, 1, torch.float32)
    gradients = []

    def linear(g, x, w):
        gradients.extend([g.sum(0), g.t().mm(x)])
        return g.mm(w)

    def down(g, y, means, w, maps):
        g = aten.tanh_backward(g, y)
        gradients.extend([g.sum((0, 2, 3)), (g * means).sum((0, 2, 3))])
        return aten.avg_pool2d_backward(g * w.view(-1, 1, 1), maps, [2, 2], [2, 2], [0, 0], False, True, None)

    def convolution(g, y, x, w):
        g = aten.tanh_backward(g, y)
        g, gw, gb = aten.convolution_backward(g, x, w, [len(w)], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True] * 3)
        gradients.extend([gb, gw])
        return g

    g = aten.tanh_backward(linear(g, y6, out), y6)
    g = aten.tanh_backward(linear(g, y5, f6), y5)
    g = linear(g, y4.flatten(1), c5.flatten(1)).view_as(y4)
    g = down(g, y4, m4, s4, y3)
    g = convolution(g, y3, y2, c3)
    g = down(g, y2, m2, s2, y1)
    convolution(g, y1, x, c1)
    return logits, loss, gradients[::-1]


@torch.no_grad()
def steps():
    """dataset.rs, libtorch.rs and operations.rs: gather a block, train on a batch of it, read the outcome, evaluate."""
    on = lambda tensor: tensor.to(DEVICE)
    white = on(torch.tensor(255.0))
    pixels, labels = on(torch.zeros(SET, 32, 32, dtype=torch.uint8)), on(torch.zeros(SET, dtype=torch.int64))
    flat = on(torch.zeros(sum(torch.Size(shape).numel() for shape in SHAPES)))
    parts = flat.split([torch.Size(shape).numel() for shape in SHAPES])
    variables = [part.view(shape) for part, shape in zip(parts, SHAPES)]

    places = on(torch.zeros(BLOCK, dtype=torch.int64))
    images = pixels.index_select(0, places).float().div(white).unsqueeze(1)
    block_labels = labels.index_select(0, places)
    batch, answers = images.narrow(0, BATCH, BATCH), block_labels.narrow(0, BATCH, BATCH)
    logits, loss, gradients = loss_and_gradients(variables, batch, answers)
    assert [gradient.numel() for gradient in gradients] == [variable.numel() for variable in variables]
    gradients = torch.cat([gradient.reshape(-1) for gradient in gradients])

    norm = torch.stack([part.norm() for part in gradients.split([part.numel() for part in parts])]).norm()
    gradients.mul_(norm.add(1e-6).reciprocal().mul(1.0).clamp_max(1.0))
    exp_avg, exp_avg_sq = torch.zeros_like(gradients), torch.zeros_like(gradients)
    exp_avg.lerp_(gradients, 0.1)
    exp_avg_sq.mul_(0.999).addcmul_(gradients * 0.001, gradients)
    flat.addcdiv_(exp_avg * -1e-3, exp_avg_sq.sqrt().div(0.1).add(1e-8))
    flat.addcmul_(gradients, torch.full([], -1e-3, device=DEVICE))  # SGD, and weight decay

    digits = answers.clamp(0, 9)
    right = logits.argmax(1).eq(answers).float() - answers.ne(digits).float()
    read = torch.cat([torch.stack([loss]), right])
    seen = forward(variables, pixels.narrow(0, 500, 500).float().div(white).unsqueeze(1))[-1]
    return [*variables, gradients, flat, exp_avg, exp_avg_sq, digits, read, seen]


def check_gradients():
    """On the CPU, with numbers: the backward pass above is autograd's."""
    torch.manual_seed(0)
    variables = [torch.randn(shape, requires_grad=True) for shape in SHAPES]
    images, answers = torch.rand(BATCH, 1, 32, 32), torch.randint(10, (BATCH,))
    loss = torch.nn.functional.cross_entropy(forward(variables, images)[-1], answers)
    expected = torch.autograd.grad(loss, variables)
    with torch.no_grad():
        _, ours, gradients = loss_and_gradients(variables, images, answers)
    pairs = [(ours, loss), *zip(gradients, expected)]
    assert all(torch.allclose(a.view_as(b), b, rtol=1e-4, atol=1e-5 * float(b.abs().max())) for a, b in pairs)


def main():
    check_gradients()
    with FakeTensorMode():
        stray = [tensor.device for tensor in steps() if tensor.device != DEVICE]
        assert not stray, f"on {stray}, not on {DEVICE}"
        try:
            torch.zeros(3, device=DEVICE) + torch.zeros(3)
        except RuntimeError as error:
            assert "device" in str(error), error
        else:
            raise AssertionError("two devices were mixed, and nothing said so")
    print(f"devices: a step, its outcome and an evaluation stay on {DEVICE}")


if __name__ == "__main__":
    main()
