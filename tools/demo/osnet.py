"""OSNet x0_25 in the key layout of its published checkpoints.

Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", ICCV 2019, https://arxiv.org/abs/1905.00953
"""

import torch
from torch import nn

WIDTHS = (16, 64, 96, 128)
FEATURES = 512


class Conv(nn.Module):
    """Convolution, batch norm and, if wanted, ReLU."""

    def __init__(self, inputs, outputs, kernel, stride=1, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x):
        return self.relu(self.bn(self.conv(x)))


class LightConv3x3(nn.Module):
    """1x1, then depthwise 3x3: the light convolution of a stream."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(self.bn(self.conv2(self.conv1(x))))


class Gate(nn.Module):
    """One weight per channel, shared by the four streams."""

    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Conv2d(width, width // 16, 1)
        self.fc2 = nn.Conv2d(width // 16, width, 1)

    def forward(self, x):
        weight = self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(weight)


class OSBlock(nn.Module):
    """Four streams with receptive fields of 3, 5, 7 and 9, gated, summed and added to the input."""

    def __init__(self, inputs, outputs):
        super().__init__()
        middle = outputs // 4
        self.conv1 = Conv(inputs, middle, 1)
        self.conv2a = LightConv3x3(middle)
        for name, count in (("conv2b", 2), ("conv2c", 3), ("conv2d", 4)):
            setattr(self, name, nn.Sequential(*(LightConv3x3(middle) for _ in range(count))))
        self.gate = Gate(middle)
        self.conv3 = Conv(middle, outputs, 1, relu=False)
        self.downsample = Conv(inputs, outputs, 1, relu=False) if inputs != outputs else None

    def forward(self, x):
        y = self.conv1(x)
        y = sum(self.gate(stream(y)) for stream in (self.conv2a, self.conv2b, self.conv2c, self.conv2d))
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.relu(shortcut + self.conv3(y))


class OSNet(nn.Module):
    """(n, 3, 256, 128) -> (n, 512), not normalised. `classes` adds the head that training needs."""

    def __init__(self, classes=0, widths=WIDTHS):
        super().__init__()
        a, b, c, d = widths
        self.conv1 = Conv(3, a, 7, stride=2)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.conv2 = self._stage(a, b, halve=True)
        self.conv3 = self._stage(b, c, halve=True)
        self.conv4 = self._stage(c, d, halve=False)
        self.conv5 = Conv(d, d, 1)
        self.fc = nn.Sequential(nn.Linear(d, FEATURES), nn.BatchNorm1d(FEATURES), nn.ReLU())
        if classes:
            self.classifier = nn.Linear(FEATURES, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)

    @staticmethod
    def _stage(inputs, outputs, halve):
        blocks = [OSBlock(inputs, outputs), OSBlock(outputs, outputs)]
        if halve:
            blocks.append(nn.Sequential(Conv(outputs, outputs, 1), nn.AvgPool2d(2, 2)))
        return nn.Sequential(*blocks)

    def forward(self, x):
        x = self.conv2(self.maxpool(self.conv1(x)))
        x = self.conv5(self.conv4(self.conv3(x)))
        return self.fc(x.mean((2, 3)))
