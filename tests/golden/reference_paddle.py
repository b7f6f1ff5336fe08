"""The post's network in PaddlePaddle: reference.py once more, in the other framework's words."""

import paddle
from paddle import nn


class DownSample(nn.Layer):
    def __init__(self, channels, kernel_size=2, stride=2):
        super().__init__()
        self.avg_pool = nn.AvgPool2D(kernel_size, stride)
        self.weight = self.create_parameter([channels])
        self.bias = self.create_parameter([channels], is_bias=True)

    def forward(self, x):
        x = self.avg_pool(x)
        maps = [x[:, c] * self.weight[c] + self.bias[c] for c in range(x.shape[1])]
        return paddle.stack(maps, axis=1)


class LeNet(nn.Layer):
    def __init__(self):
        super().__init__()
        self.con_sam = nn.Sequential(
            nn.Conv2D(1, 6, 5),
            nn.Tanh(),
            DownSample(6),
            nn.Tanh(),
            nn.Conv2D(6, 16, 5),
            nn.Tanh(),
            DownSample(16),
            nn.Tanh(),
            nn.Conv2D(16, 120, 5),
            nn.Tanh(),
            nn.Flatten(),
        )
        self.fc = nn.Sequential(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))

    def forward(self, x):
        return self.fc(self.con_sam(x))
