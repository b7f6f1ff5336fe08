"""The post's network as one who knows PyTorch would write it for speed: DownSample without a loop."""

import reference


class DownSample(reference.DownSample):
    def forward(self, x):
        return self.avg_pool(x) * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


class LeNet(reference.LeNet):
    def __init__(self):
        super().__init__()
        self.con_sam[2], self.con_sam[6] = DownSample(6), DownSample(16)
