"""The post's network in PyTorch: what this crate is compared with.

The names (LeNet, DownSample, con_sam, fc) are the post's, since the keys of the state_dict follow from them; DownSample
goes over its channels in a loop, as the post's does.
"""

import torch
from torch import nn


class DownSample(nn.Module):
    """AvgPool2d, then a learned scale and bias for each channel, both drawn from N(0, 1)."""

    def __init__(self, channels, kernel_size=2, stride=2):
        super().__init__()
        self.avg_pool = nn.AvgPool2d(kernel_size, stride)
        self.weight = nn.Parameter(torch.randn(channels))
        self.bias = nn.Parameter(torch.randn(channels))

    def forward(self, x):
        x = self.avg_pool(x)
        maps = [x[:, c] * self.weight[c] + self.bias[c] for c in range(x.shape[1])]
        return torch.stack(maps, dim=1)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.con_sam = nn.Sequential(
            nn.Conv2d(1, 6, 5),
            nn.Tanh(),
            DownSample(6),
            nn.Tanh(),
            nn.Conv2d(6, 16, 5),
            nn.Tanh(),
            DownSample(16),
            nn.Tanh(),
            nn.Conv2d(16, 120, 5),
            nn.Tanh(),
            nn.Flatten(),
        )
        self.fc = nn.Sequential(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))

    def forward(self, x):
        return self.fc(self.con_sam(x))
